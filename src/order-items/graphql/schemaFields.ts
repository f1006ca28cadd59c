type Leaf = string | number | boolean | Date | null | undefined;

/** The fields of a type that have neither a resolver nor a matching property of the domain object. */
type Unresolved<Domain, Type, Resolvers> = {
  [Field in Exclude<keyof Type, keyof Resolvers | '__typename'>]: Field extends keyof Domain
    ? Type[Field] extends Leaf
      ? Domain[Field] extends Type[Field]
        ? never
        : Field
      : never
    : Field;
}[Exclude<keyof Type, keyof Resolvers | '__typename'>];

/**
 * Returns the resolvers of a type. Its other fields are properties of the domain object. A schema field that has neither is
 * a compile error here.
 */
export function followSchema<Domain, Type>(): <Resolvers extends object>(
  resolvers: Resolvers & Record<Unresolved<Domain, Type, Resolvers>, unknown>,
) => Resolvers {
  return (resolvers) => resolvers;
}
