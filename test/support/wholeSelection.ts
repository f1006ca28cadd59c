import {
  getNamedType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  isLeafType,
  isObjectType,
} from 'graphql';

/** How often one way through the schema passes a type. Twice, so that an item leads to the other items of its order. */
const PASSES = 2;

/**
 * Writes an operation that asks for everything behind a root field.
 *
 * @param place of the field, such as `Query.orderItem`.
 * @param given its arguments in parentheses, or an empty text. The result is under `asked`.
 */
export function askForEverything(schema: GraphQLSchema, place: string, given: string): string {
  const [root = '', name = ''] = place.split('.');
  const type = schema.getType(root);
  const field = isObjectType(type) ? type.getFields()[name] : undefined;
  if (field === undefined) throw new Error(`The schema has no field ${place}.`);
  return `${root.toLowerCase()} { asked: ${name}${given} ${selectEverything(schema, getNamedType(field.type))} }`;
}

/**
 * Writes a selection of everything that can be reached from a type: each field, with its default arguments. A field that leads
 * back to a type is selected up to {@link PASSES} times on one way.
 */
function selectEverything(schema: GraphQLSchema, type: GraphQLNamedType): string {
  const select = (current: GraphQLNamedType, passed: ReadonlyMap<string, number>): string => {
    if (isLeafType(current)) return '';
    if (isAbstractType(current)) {
      const parts = schema
        .getPossibleTypes(current)
        .map((possible) => `... on ${possible.name} ${select(possible, passed)}`);
      return `{ __typename ${parts.filter((part) => part.endsWith('}')).join(' ')} }`;
    }
    if (!isObjectType(current)) throw new Error(`${current.name} has no selection.`);
    return selectFields(current, passed);
  };
  const selectFields = (current: GraphQLObjectType, passed: ReadonlyMap<string, number>): string => {
    const times = (passed.get(current.name) ?? 0) + 1;
    const further = new Map(passed).set(current.name, times);
    const fields = Object.values(current.getFields()).flatMap((field) => {
      const target = getNamedType(field.type);
      if (isLeafType(target)) return [`${current.name}_${field.name}: ${field.name}`];
      return (further.get(target.name) ?? 0) >= PASSES
        ? []
        : [`${current.name}_${field.name}: ${field.name} ${select(target, further)}`];
    });
    return `{ __typename ${fields.join(' ')} }`;
  };
  return select(type, new Map());
}
