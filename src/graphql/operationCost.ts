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
  /** It has passed validation. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** What bounds the lists: what is above is refused when it is resolved. */
  readonly limits: ListLimits;
  /** As the client sent them; null takes each at its most expensive. */
  readonly variables: Readonly<Record<string, unknown>> | null;
}

/**
 * What an operation can cost at most: the number of values that it makes the service resolve. A field counts 1, or the
 * weight that `@cost` states, for each member of the lists around it; `@listSize` states how long a list can be
 * (https://ibm.github.io/graphql-specs/cost-spec.html).
 */
export function costOf(input: CostInput): number {
  const { operation } = input;
  const root = input.schema.getRootType(operation.operation);
  return root == null ? 0 : costOfSelections(operation.selectionSet, root, input, new Map());
}

type Field = GraphQLField<unknown, unknown>;

/** Every type has the first, the type of queries the others. */
const META_FIELDS: Readonly<Record<string, Field>> = {
  __typename: TypeNameMetaFieldDef,
  __schema: SchemaMetaFieldDef,
  __type: TypeMetaFieldDef,
};

/** Types, fields and arguments of the schema: tens of each. */
const INTROSPECTION_LIST_SIZE = 10;

/** What is known of the fragments, by name and type: each is looked at once, however often it is spread. */
type FragmentCosts = Map<string, number>;

/** Of a type with several forms, the most expensive counts. */
function costOfSelections(
  selectionSet: SelectionSetNode,
  parent: GraphQLNamedType,
  input: CostInput,
  fragments: FragmentCosts,
): number {
  if (isObjectType(parent)) return costOfObject(selectionSet, parent, input, fragments);
  if (!isAbstractType(parent)) return 0;
  const forms = input.schema.getPossibleTypes(parent);
  return Math.max(0, ...forms.map((form) => costOfObject(selectionSet, form, input, fragments)));
}

function costOfObject(
  { selections }: SelectionSetNode,
  type: GraphQLObjectType,
  input: CostInput,
  fragments: FragmentCosts,
): number {
  let cost = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      cost += costOfField(selection, type, input, fragments);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition?.name.value;
      if (appliesTo(type, condition, input.schema)) {
        cost += costOfObject(selection.selectionSet, type, input, fragments);
      }
    } else {
      cost += costOfFragment(selection.name.value, type, input, fragments);
    }
  }
  return cost;
}

function costOfFragment(name: string, type: GraphQLObjectType, input: CostInput, fragments: FragmentCosts): number {
  const key = `${name} ${type.name}`;
  const known = fragments.get(key);
  if (known !== undefined) return known;
  const fragment = input.document.definitions.find(
    (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
  );
  const cost =
    fragment?.kind === Kind.FRAGMENT_DEFINITION && appliesTo(type, fragment.typeCondition.name.value, input.schema)
      ? costOfObject(fragment.selectionSet, type, input, fragments)
      : 0;
  fragments.set(key, cost);
  return cost;
}

function appliesTo(type: GraphQLObjectType, condition: string | undefined, schema: GraphQLSchema): boolean {
  const named = condition === undefined ? type : schema.getType(condition);
  return named === type || (isAbstractType(named) && schema.isSubType(named, type));
}

function costOfField(node: FieldNode, parent: GraphQLObjectType, input: CostInput, fragments: FragmentCosts): number {
  const field = parent.getFields()[node.name.value] ?? META_FIELDS[node.name.value];
  if (field === undefined) return 0;
  if (field.name === '_entities') return costOfEntities(node, field, input, fragments);
  const price = priceOf(field, input.schema);
  const inside = costOfInside(node, getNamedType(field.type), input, fragments);
  return price.weight + inside * sizeOf(node, field, price, input);
}

function costOfInside(node: FieldNode, type: GraphQLNamedType, input: CostInput, fragments: FragmentCosts): number {
  return node.selectionSet === undefined ? 0 : costOfSelections(node.selectionSet, type, input, fragments);
}

/** What is asked of one kind of entity costs nothing for another. */
function costOfEntities(node: FieldNode, field: Field, input: CostInput, fragments: FragmentCosts): number {
  const most = input.limits.representations;
  const argument = argumentOf(node, 'representations', input);
  // A single one need not be in a list.
  const given: unknown = typeof argument === 'object' && argument !== null ? [argument].flat() : argument;
  if (!Array.isArray(given)) return most * (1 + costOfInside(node, getNamedType(field.type), input, fragments));
  const union = getNamedType(field.type);
  const entities = isAbstractType(union) ? input.schema.getPossibleTypes(union) : [];
  const byType = Map.groupBy(given.slice(0, most), (representation: unknown) =>
    entities.find(({ name }) => name === typenameOf(representation)),
  );
  let cost = 0;
  for (const [type = union, representations] of byType) {
    cost += representations.length * (1 + costOfInside(node, type, input, fragments));
  }
  return cost;
}

function typenameOf(representation: unknown): unknown {
  return typeof representation === 'object' && representation !== null && '__typename' in representation
    ? representation.__typename
    : undefined;
}

/** How many of it a field can return. */
function sizeOf(node: FieldNode, field: Field, { slicingArgument, assumedSize }: Price, input: CostInput): number {
  if (slicingArgument === null) return assumedSize;
  const { pageSize } = input.limits;
  const given = argumentOf(node, slicingArgument, input);
  const fallback = field.args.find(({ name }) => name === slicingArgument)?.defaultValue;
  const size = given === undefined ? fallback : given;
  return typeof size === 'number' ? Math.max(1, Math.min(size, pageSize)) : pageSize;
}

/** @returns undefined where the argument is left out, null where nothing is known about it. A literal list has nodes. */
function argumentOf(node: FieldNode, name: string, { operation, variables }: CostInput): unknown {
  const value = node.arguments?.find((argument) => argument.name.value === name)?.value;
  if (value === undefined) return undefined;
  if (value.kind !== Kind.VARIABLE) return literalOf(value);
  if (variables === null) return null;
  const variable = value.name.value;
  if (variables[variable] !== undefined) return variables[variable];
  const definition = operation.variableDefinitions?.find((candidate) => candidate.variable.name.value === variable);
  return definition?.defaultValue === undefined ? undefined : literalOf(definition.defaultValue);
}

/** As far as the cost goes by it: a number, or something to be counted. */
function literalOf(value: ValueNode): unknown {
  if (value.kind === Kind.INT) return Number(value.value);
  if (value.kind === Kind.LIST) return value.values;
  return value.kind === Kind.OBJECT ? value : null;
}

/** What the schema states of a field; it never changes. */
interface Price {
  readonly weight: number;
  /** Null where the length of the list, if it is one, does not depend on an argument. */
  readonly slicingArgument: string | null;
  readonly assumedSize: number;
}

const prices = new WeakMap<Field, Price>();

function priceOf(field: Field, schema: GraphQLSchema): Price {
  const known = prices.get(field);
  if (known !== undefined) return known;
  const { weight } = directiveOf(field, 'cost', schema);
  const { slicingArguments, assumedSize } = directiveOf(field, 'listSize', schema);
  const isIntrospectionList = getNamedType(field.type).name.startsWith('__') && isListType(getNullableType(field.type));
  const price: Price = {
    weight: Number(weight ?? 1),
    slicingArgument: Array.isArray(slicingArguments) ? String(slicingArguments[0]) : null,
    assumedSize: Number(assumedSize ?? (isIntrospectionList ? INTROSPECTION_LIST_SIZE : 1)),
  };
  prices.set(field, price);
  return price;
}

function directiveOf({ astNode }: Field, name: string, schema: GraphQLSchema): Readonly<Record<string, unknown>> {
  const definition = schema.getDirective(name);
  return astNode == null || definition == null ? {} : (getDirectiveValues(definition, astNode) ?? {});
}

/** The most elements that one request may ask of a list. */
export interface ListLimits {
  /** `first` of a connection. */
  readonly pageSize: number;
  /** Representations of `_entities`. */
  readonly representations: number;
}
