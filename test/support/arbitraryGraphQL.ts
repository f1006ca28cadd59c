import fc from 'fast-check';

/** Valid documents. Each declares the variables that it uses of {@link anyVariables}. */
const DOCUMENTS = [
  'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename ... on CancelOrderItemSuccess { orderItem { id } cancellation { requestId } } } }',
  'mutation Cancel($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ... on CancelOrderItemRefusal { message } } }',
  'mutation($bulk: CancelOrderItemsInput!) { cancelOrderItems(input: $bulk) { __typename ... on OrderItemNotCancelable { blockers { code } orderItem { status } } } }',
  'mutation($id: ID!) { a: cancelOrderItem(input: { id: $id, reason: "Late" }) { __typename } b: cancelOrderItem(input: { id: $id, reason: "Late" }) { __typename } }',
  'query($id: ID!) { orderItem(id: $id) { id status price { amount currency } releaseDate cancellation { reason requestId } order { items(first: 2) { edges { cursor } } } } }',
  'query List($first: Int, $after: String, $filter: OrderItemFilter) { orderItems(first: $first, after: $after, filter: $filter) { edges { cursor node { ...Item } } pageInfo { hasNextPage endCursor } } } fragment Item on OrderItem { id cancelability { cancelable blockers { code } } }',
  'query($representations: [_Any!]!) { _entities(representations: $representations) { __typename ... on OrderItem { id status } ... on Order { id items { edges { node { id } } } } } }',
  'query A($flag: Boolean!) { __typename @include(if: $flag) _service { sdl @skip(if: $flag) } } query B { __schema { types { name } } }',
  'query($id: ID!) { orderItem(id: $id) { id ... @defer { status } } }',
  'subscription { orderItem { id } }',
  '{ __typename }',
];

const PIECES = ['{', '}', '(', ')', '$', '@', '...', ':', '!', '[', '"', '"""', '\0', ' on ', '\u{feff}', '#', '1e999'];

/** A document with something missing, doubled or misplaced. */
const mutatedDocument = fc
  .record({
    document: fc.constantFrom(...DOCUMENTS),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat({ max: 12 }),
    put: fc.oneof(fc.constantFrom('', ...PIECES), fc.string({ unit: 'binary', maxLength: 5 })),
  })
  .map(({ document, at, removed, put }) => {
    const position = Math.floor(at * document.length);
    return document.slice(0, position) + put + document.slice(position + removed);
  });

const document = fc.oneof(
  // Mostly cancels.
  { weight: 8, arbitrary: fc.constantFrom(...DOCUMENTS.slice(0, 4)) },
  { weight: 4, arbitrary: fc.constantFrom(...DOCUMENTS) },
  { weight: 4, arbitrary: mutatedDocument },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

/** Mostly a value that fits the schema, and sometimes any JSON value. */
function mostly<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 30, arbitrary }, { weight: 1, arbitrary: fc.jsonValue() });
}

const text = fc.oneof(fc.constantFrom('Late', ' Late '), fc.string({ unit: 'binary', maxLength: 30 }));

function anyVariables(id: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const anyId = fc.oneof({ weight: 9, arbitrary: id }, { weight: 1, arbitrary: text });
  const stated = {
    reason: mostly(text),
    note: mostly(text),
    idempotencyKey: mostly(fc.constantFrom('key 1', 'key 2')),
  };
  const input = fc.record({ id: mostly(anyId), ...stated }, { requiredKeys: ['id', 'reason'] });
  const bulk = fc.record(
    { ids: mostly(fc.array(anyId, { maxLength: 4 })), ...stated },
    { requiredKeys: ['ids', 'reason'] },
  );
  const filter = fc.record(
    {
      orderId: mostly(text),
      statuses: mostly(fc.subarray(['PENDING', 'CANCELLED', 'NOTHING'])),
      isPreOrder: mostly(fc.boolean()),
      cancelable: mostly(fc.boolean()),
    },
    { requiredKeys: [] },
  );
  const representation = fc.record(
    { __typename: mostly(fc.constantFrom('OrderItem', 'Order')), id: mostly(anyId) },
    { requiredKeys: ['__typename'] },
  );
  return mostly(
    fc.record({
      id: mostly(anyId),
      input: mostly(input),
      bulk: mostly(bulk),
      first: mostly(fc.integer({ min: -1, max: 101 })),
      after: mostly(fc.oneof(fc.constant(null), text)),
      filter: mostly(filter),
      representations: mostly(fc.array(representation, { maxLength: 4 })),
      flag: mostly(fc.boolean()),
    }),
  );
}

interface GraphQLRequest {
  readonly query?: unknown;
  readonly variables?: unknown;
  readonly operationName?: unknown;
  readonly extensions?: unknown;
}

function anyRequest(id: fc.Arbitrary<string>): fc.Arbitrary<GraphQLRequest> {
  return fc.record(
    {
      query: mostly(document),
      variables: anyVariables(id),
      operationName: fc.oneof(
        { weight: 12, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: mostly(fc.constantFrom('A', 'B', 'Cancel', 'List', '__proto__')) },
      ),
      extensions: fc.oneof(
        { weight: 20, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.constant({ persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } }) },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
    },
    { requiredKeys: ['query', 'variables'] },
  );
}

export function arbitraryGraphQLBody(id: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const request = anyRequest(id);
  return fc
    .oneof(
      { weight: 12, arbitrary: request.map((one) => JSON.stringify(one)) },
      { weight: 1, arbitrary: fc.array(request, { maxLength: 3 }).map((batch) => JSON.stringify(batch)) },
      { weight: 1, arbitrary: request.map((one) => JSON.stringify(one).slice(0, -3)) },
    )
    .map((body) => Buffer.from(body));
}

/** The query string of a GET. */
export function arbitraryGraphQLSearch(id: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return anyRequest(id).map((request) =>
    new URLSearchParams(
      Object.entries(request)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    ).toString(),
  );
}

export const GRAPHQL_CODES = [
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'METHOD_NOT_ALLOWED',
  'NOT_ACCEPTABLE',
  'OPERATION_RESOLUTION_FAILURE',
  'PAYLOAD_TOO_LARGE',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'UNAUTHENTICATED',
  'UNSUPPORTED_MEDIA_TYPE',
];
