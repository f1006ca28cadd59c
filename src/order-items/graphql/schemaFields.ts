type Leaf = string | number | boolean | Date | null | undefined;

/** The fields that have neither a resolver nor a fitting property on the domain object that stands for the type. */
type Unfollowed<Domain, Type, Resolvers> = {
  [Field in Exclude<keyof Type, keyof Resolvers | '__typename'>]: Field extends keyof Domain
    ? Type[Field] extends Leaf
      ? Domain[Field] extends Type[Field]
        ? never
        : Field
      : never
    : Field;
}[Exclude<keyof Type, keyof Resolvers | '__typename'>];

/**
 * The resolvers of a type of the schema; its other fields are read off the domain object of the same name. A field
 * that the schema gains and the code does not follow is a compile error here.
 */
export function fieldsOf<Domain, Type>(): <Resolvers extends object>(
  resolvers: Resolvers & Record<Unfollowed<Domain, Type, Resolvers>, unknown>,
) => Resolvers {
  return (resolvers) => resolvers;
}
