import { type DefinitionNode, type InputValueDefinitionNode, Kind, parse, print } from 'graphql';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();

/** The contract: section 3 of the design. Section 11 clarifies that the connections are nullable. */
const CONTRACT = parse(`
  type OrderItem @key(fields: "id") {
    id: ID!
    order: Order!
    product: Product!
    externalId: String
    status: OrderItemStatus!
    isPreOrder: Boolean!
    releaseDate: Date
    quantity: Int!
    price: Money!
    cancelability: Cancelability!
    cancellation: Cancellation
    createdAt: DateTime!
    updatedAt: DateTime!
  }
  enum OrderItemStatus { PENDING ON_HOLD IN_FULFILLMENT COMPLETE CANCELLED RETURNED }
  type Money @shareable { amount: Decimal!  currency: String! }
  type Cancelability { cancelable: Boolean!  blockers: [CancellationBlocker!]! }
  type CancellationBlocker { code: CancellationBlockerCode!  message: String! }
  enum CancellationBlockerCode { NOT_PRE_ORDERED TERMINAL_STATUS WINDOW_CLOSED PAST_CUTOFF }
  type Cancellation {
    reason: String
    note: String
    cancelledAt: DateTime!
    cancelledBy: String!
    channel: CancellationChannel!
    requestId: String!
  }
  enum CancellationChannel { GRAPHQL REST }
  type Order @key(fields: "id") {
    id: ID!
    items(filter: OrderItemFilter, first: Int = 20, after: String): OrderItemConnection
  }
  type Product @key(fields: "id", resolvable: false) { id: ID! }
  type OrderItemConnection { edges: [OrderItemEdge!]!  pageInfo: PageInfo! }
  type OrderItemEdge { cursor: String!  node: OrderItem! }
  type PageInfo @shareable { hasNextPage: Boolean!  hasPreviousPage: Boolean!  startCursor: String  endCursor: String }
  type Query {
    orderItem(id: ID!): OrderItem
    orderItems(filter: OrderItemFilter, first: Int = 20, after: String): OrderItemConnection
  }
  input OrderItemFilter { orderId: ID  statuses: [OrderItemStatus!]  isPreOrder: Boolean  cancelable: Boolean }
  type Mutation {
    cancelOrderItem(input: CancelOrderItemInput!): CancelOrderItemResult!
    cancelOrderItems(input: CancelOrderItemsInput!): [CancelOrderItemResult!]!
  }
  input CancelOrderItemInput { id: ID!  reason: String!  note: String  idempotencyKey: String }
  input CancelOrderItemsInput { ids: [ID!]!  reason: String!  note: String  idempotencyKey: String }
  union CancelOrderItemResult =
    | CancelOrderItemSuccess | OrderItemNotFound | OrderItemNotCancelable | InvalidCancelRequest | IdempotencyKeyReused
  interface CancelOrderItemRefusal { message: String! }
  type CancelOrderItemSuccess { orderItem: OrderItem!  cancellation: Cancellation! }
  type OrderItemNotFound implements CancelOrderItemRefusal { message: String!  id: ID! }
  type OrderItemNotCancelable implements CancelOrderItemRefusal {
    message: String!
    blockers: [CancellationBlocker!]!
    orderItem: OrderItem!
  }
  type InvalidCancelRequest implements CancelOrderItemRefusal { message: String!  field: String! }
  type IdempotencyKeyReused implements CancelOrderItemRefusal { message: String! }
  scalar Date
  scalar DateTime
  scalar Decimal
`);

const { data } = await service.graphql('{ _service { sdl } }');
const sdl = String(data._service.sdl);
const published = parse(sdl);

/** Lists what a definition states, such as `OrderItem.price(): Money!`. Of the directives, only those of the contract. */
function listStatements(definition: DefinitionNode): string[] {
  if (!('name' in definition)) return [];
  const type = definition.name.value;
  const directives = ('directives' in definition ? (definition.directives ?? []) : [])
    .filter(({ name }) => ['key', 'shareable'].includes(name.value))
    .map((directive) => print(directive));
  return [definition.kind, ...directives, ...listMembers(definition)].map((statement) => `${type}.${statement}`);
}

function listMembers(definition: DefinitionNode): string[] {
  if (definition.kind === Kind.ENUM_TYPE_DEFINITION) return (definition.values ?? []).map(({ name }) => name.value);
  if (definition.kind === Kind.UNION_TYPE_DEFINITION)
    return (definition.types ?? []).map((member) => `| ${print(member)}`);
  if (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
    return (definition.fields ?? []).map((field) => print(stripDirectives(field)));
  }
  if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION) return [];
  return [
    ...(definition.interfaces ?? []).map((implemented) => `implements ${print(implemented)}`),
    ...(definition.fields ?? []).map((field) => {
      const fieldArguments = (field.arguments ?? []).map((argument) => print(stripDirectives(argument))).join(', ');
      return `${field.name.value}(${fieldArguments}): ${print(field.type)}`;
    }),
  ];
}

function stripDirectives(node: InputValueDefinitionNode): InputValueDefinitionNode {
  return {
    kind: node.kind,
    name: node.name,
    type: node.type,
    ...(node.defaultValue && { defaultValue: node.defaultValue }),
  };
}

const statements = published.definitions.flatMap(listStatements);
const definitions = CONTRACT.definitions.map((definition) => {
  const [first = '', ...others] = listStatements(definition);
  return { name: first.split('.')[0], expected: [first, ...others] };
});

describe('the published schema', () => {
  test.each(definitions)('states everything that the contract states about $name', ({ expected }) => {
    expect(statements).toEqual(expect.arrayContaining(expected));
  });

  test.each(['OrderItemStatus', 'CancellationBlockerCode', 'CancellationChannel'])(
    'has no value of %s beyond the contract',
    (name) => {
      const expected = definitions.find((definition) => definition.name === name)?.expected;
      expect(statements.filter((statement) => statement.startsWith(`${name}.`))).toEqual(expected);
    },
  );

  test.each(['CancelOrderItemInput', 'CancelOrderItemsInput', 'OrderItemFilter'])(
    'has no required field of %s beyond the contract',
    (name) => {
      const required = (statement: string): boolean => statement.startsWith(`${name}.`) && statement.endsWith('!');
      const expected = definitions.find((definition) => definition.name === name)?.expected ?? [];
      expect(statements.filter(required)).toEqual(expected.filter(required));
    },
  );

  test('links to federation v2.9', () => {
    expect(sdl).toMatch(/@link\(\s*url: "https:\/\/specs\.apollo\.dev\/federation\/v2\.9"/);
  });

  test.each([
    ['Query.orderItem', '@authenticated'],
    ['Query.orderItem', '@requiresScopes(scopes: [["order-items:read"], ["order-items:read:own"]])'],
    ['Query.orderItems', '@authenticated'],
    ['Query.orderItems', '@requiresScopes(scopes: [["order-items:read"], ["order-items:read:own"]])'],
    ['Order.items', '@requiresScopes(scopes: [["order-items:read"], ["order-items:read:own"]])'],
    ['Subscription.orderItemCancelled', '@authenticated'],
    ['Subscription.orderItemCancelled', '@requiresScopes(scopes: [["order-items:read"], ["order-items:read:own"]])'],
    ['Mutation.cancelOrderItem', '@authenticated'],
    ['Mutation.cancelOrderItem', '@requiresScopes(scopes: [["order-items:cancel"], ["order-items:cancel:own"]])'],
    ['Mutation.cancelOrderItems', '@authenticated'],
    ['Mutation.cancelOrderItems', '@requiresScopes(scopes: [["order-items:cancel"], ["order-items:cancel:own"]])'],
    ['Mutation.cancelOrderItem', '@cost'],
    ['Mutation.cancelOrderItems', '@listSize(assumedSize: 100)'],
    ['Query.orderItems', 'requireOneSlicingArgument: false'],
    ['Order.items', 'requireOneSlicingArgument: false'],
  ])('carries on %s the directive %s', (coordinate, directive) => {
    expect(printDirectives(coordinate)).toContain(directive);
  });

  test('describes every type, field, argument and enum value', () => {
    const described: string[] = [];
    const undescribed: string[] = [];
    const check = (name: string, node: object): void => {
      ('description' in node && node.description !== undefined ? described : undescribed).push(name);
    };
    for (const definition of published.definitions) {
      // Every subgraph shares the root types. Names with an underscore belong to federation.
      if (!('name' in definition) || isFromFederation(definition)) continue;
      const type = definition.name.value;
      if (!['Query', 'Mutation', 'Subscription'].includes(type)) check(type, definition);
      for (const member of 'fields' in definition ? (definition.fields ?? []) : []) {
        if (member.name.value.startsWith('_')) continue;
        check(`${type}.${member.name.value}`, member);
        for (const argument of 'arguments' in member ? (member.arguments ?? []) : []) {
          check(`${type}.${member.name.value}(${argument.name.value}:)`, argument);
        }
      }
      for (const value of 'values' in definition ? (definition.values ?? []) : [])
        check(`${type}.${value.name.value}`, value);
    }
    expect(undescribed).toEqual([]);
    expect(described.length).toBeGreaterThan(80);
  });
});

function isFromFederation(definition: DefinitionNode): boolean {
  if (definition.kind === Kind.DIRECTIVE_DEFINITION) return true;
  return 'name' in definition && /^_|__/.test(definition.name.value);
}

function printDirectives(coordinate: string): string {
  const [type = '', name = ''] = coordinate.split('.');
  const fields = published.definitions.flatMap((definition) =>
    definition.kind === Kind.OBJECT_TYPE_DEFINITION && definition.name.value === type ? (definition.fields ?? []) : [],
  );
  const field = fields.find((each) => each.name.value === name);
  return (field?.directives ?? []).map((directive) => print(directive)).join(' ');
}
