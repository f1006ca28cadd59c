import {
  type DocumentNode,
  type FieldNode,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type ValueNode,
} from 'graphql';

export interface CostInput {
  readonly schema: GraphQLSchema;
  /** A valid document. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The limits of lists. Resolvers refuse larger ones. */
  readonly limits: ListLimits;
  /** The client's variables. Null assumes the most expensive value of each. */
  readonly variables: Readonly<Record<string, unknown>> | null;
}

/**
 * Measures the maximum cost of an operation: the number of values that it makes the service resolve. A field counts 1, or
 * its `@cost`, for each member of the lists around it. `@listSize` bounds the length of a list.
 *
 * @see https://ibm.github.io/graphql-specs/cost-spec.html
 */
export function measureCost(input: CostInput): number {
  const { operation } = input;
  const root = input.schema.getRootType(operation.operation);
  return root == null ? 0 : measureSelections(operation.selectionSet, root, input, new Map());
}

type Field = GraphQLField<unknown, unknown>;

/** Every type has `__typename`. The query type has the others. */
const META_FIELDS: Readonly<Record<string, Field>> = {
  __typename: TypeNameMetaFieldDef,
  __schema: SchemaMetaFieldDef,
  __type: TypeMetaFieldDef,
};

/** The assumed number of types, fields or arguments in a list of the introspection. */
const INTROSPECTION_LIST_SIZE = 10;

/** Costs of fragments by name and type. Measuring each once defuses fragment bombs. */
type FragmentCosts = Map<string, number>;

/** For a union or an interface, the most expensive member counts. */
function measureSelections(
  selectionSet: SelectionSetNode,
  parent: GraphQLNamedType,
  input: CostInput,
  fragments: FragmentCosts,
): number {
  if (isObjectType(parent)) return measureObject(selectionSet, parent, input, fragments);
  if (!isAbstractType(parent)) return 0;
  const forms = input.schema.getPossibleTypes(parent);
  return Math.max(0, ...forms.map((form) => measureObject(selectionSet, form, input, fragments)));
}

function measureObject(
  { selections }: SelectionSetNode,
  type: GraphQLObjectType,
  input: CostInput,
  fragments: FragmentCosts,
): number {
  let cost = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      cost += measureField(selection, type, input, fragments);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition?.name.value;
      if (appliesTo(type, condition, input.schema)) {
        cost += measureObject(selection.selectionSet, type, input, fragments);
      }
    } else {
      cost += measureFragment(selection.name.value, type, input, fragments);
    }
  }
  return cost;
}

function measureFragment(name: string, type: GraphQLObjectType, input: CostInput, fragments: FragmentCosts): number {
  const key = `${name} ${type.name}`;
  const known = fragments.get(key);
  if (known !== undefined) return known;
  const fragment = input.document.definitions.find(
    (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
  );
  const cost =
    fragment?.kind === Kind.FRAGMENT_DEFINITION && appliesTo(type, fragment.typeCondition.name.value, input.schema)
      ? measureObject(fragment.selectionSet, type, input, fragments)
      : 0;
  fragments.set(key, cost);
  return cost;
}

function appliesTo(type: GraphQLObjectType, condition: string | undefined, schema: GraphQLSchema): boolean {
  const named = condition === undefined ? type : schema.getType(condition);
  return named === type || (isAbstractType(named) && schema.isSubType(named, type));
}

function measureField(node: FieldNode, parent: GraphQLObjectType, input: CostInput, fragments: FragmentCosts): number {
  const field = parent.getFields()[node.name.value] ?? META_FIELDS[node.name.value];
  if (field === undefined) return 0;
  if (field.name === '_entities') return measureEntities(node, field, input, fragments);
  const price = readPrice(field, input.schema);
  const inside = measureInside(node, getNamedType(field.type), input, fragments);
  return price.weight + inside * findListSize(node, field, price, input);
}

function measureInside(node: FieldNode, type: GraphQLNamedType, input: CostInput, fragments: FragmentCosts): number {
  return node.selectionSet === undefined ? 0 : measureSelections(node.selectionSet, type, input, fragments);
}

/** Measures `_entities`. Fields of one entity type cost nothing for representations of another. */
function measureEntities(node: FieldNode, field: Field, input: CostInput, fragments: FragmentCosts): number {
  const most = input.limits.representations;
  const argument = readArgument(node, 'representations', input);
  // GraphQL coerces a single value to a list.
  const given: unknown = typeof argument === 'object' && argument !== null ? [argument].flat() : argument;
  if (!Array.isArray(given)) return most * (1 + measureInside(node, getNamedType(field.type), input, fragments));
  const union = getNamedType(field.type);
  const entities = isAbstractType(union) ? input.schema.getPossibleTypes(union) : [];
  const byType = Map.groupBy(given.slice(0, most), (representation: unknown) =>
    entities.find(({ name }) => name === readTypename(representation)),
  );
  let cost = 0;
  for (const [type = union, representations] of byType) {
    cost += representations.length * (1 + measureInside(node, type, input, fragments));
  }
  return cost;
}

function readTypename(representation: unknown): unknown {
  return typeof representation === 'object' && representation !== null && '__typename' in representation
    ? representation.__typename
    : undefined;
}

/** Returns how many values a field can return. */
function findListSize(
  node: FieldNode,
  field: Field,
  { slicingArgument, assumedSize }: Price,
  input: CostInput,
): number {
  const { pageSize, assumedSize: limit = Infinity } = input.limits;
  if (slicingArgument === null) return isIntrospection(field) ? assumedSize : Math.min(assumedSize, limit);
  const given = readArgument(node, slicingArgument, input);
  const fallback = field.args.find(({ name }) => name === slicingArgument)?.defaultValue;
  const size = given === undefined ? fallback : given;
  return typeof size === 'number' ? Math.max(1, Math.min(size, pageSize)) : pageSize;
}

/** @returns undefined if the argument is missing, null if its value is unknown. The members of a literal list are nodes. */
function readArgument(node: FieldNode, name: string, { operation, variables }: CostInput): unknown {
  const value = node.arguments?.find((argument) => argument.name.value === name)?.value;
  if (value === undefined) return undefined;
  if (value.kind !== Kind.VARIABLE) return readLiteral(value);
  if (variables === null) return null;
  const variable = value.name.value;
  if (variables[variable] !== undefined) return variables[variable];
  const definition = operation.variableDefinitions?.find((candidate) => candidate.variable.name.value === variable);
  return definition?.defaultValue === undefined ? undefined : readLiteral(definition.defaultValue);
}

/** Reads the parts of a literal that matter for the cost: a number, or members to count. */
function readLiteral(value: ValueNode): unknown {
  if (value.kind === Kind.INT) return Number(value.value);
  if (value.kind === Kind.LIST) return value.values;
  return value.kind === Kind.OBJECT ? value : null;
}

/** The schema's statement about a field. It never changes. */
interface Price {
  readonly weight: number;
  /** The argument that bounds the list, or null. */
  readonly slicingArgument: string | null;
  readonly assumedSize: number;
}

const prices = new WeakMap<Field, Price>();

function readPrice(field: Field, schema: GraphQLSchema): Price {
  const known = prices.get(field);
  if (known !== undefined) return known;
  const { weight } = readDirective(field, 'cost', schema);
  const { slicingArguments, assumedSize } = readDirective(field, 'listSize', schema);
  const isIntrospectionList = isIntrospection(field) && isListType(getNullableType(field.type));
  const price: Price = {
    weight: Number(weight ?? 1),
    slicingArgument: Array.isArray(slicingArguments) ? String(slicingArguments[0]) : null,
    assumedSize: Number(assumedSize ?? (isIntrospectionList ? INTROSPECTION_LIST_SIZE : 1)),
  };
  prices.set(field, price);
  return price;
}

function isIntrospection(field: Field): boolean {
  return getNamedType(field.type).name.startsWith('__');
}

function readDirective({ astNode }: Field, name: string, schema: GraphQLSchema): Readonly<Record<string, unknown>> {
  const definition = schema.getDirective(name);
  return astNode == null || definition == null ? {} : (getDirectiveValues(definition, astNode) ?? {});
}

/** The limits of lists in one request. */
export interface ListLimits {
  /** `first` of a connection. */
  readonly pageSize: number;
  /** Representations of `_entities`. */
  readonly representations: number;
  /** Lists for which the schema assumes a length. Absent: that length. Lists of the introspection keep theirs. */
  readonly assumedSize?: number;
}
