import { type OperationDefinitionNode, parse } from 'graphql';
import { canCompile } from '../../src/graphql/compiledExecution.ts';
import { buildSchema } from '../../src/order-items/graphql/subgraphSchema.ts';

const schema = await buildSchema({ introspection: true });

function isCompiled(query: string): boolean {
  const document = parse(query);
  return canCompile(schema, document, document.definitions[0] as OperationDefinitionNode);
}

const OUTCOME = `__typename ... on CancelOrderItemRefusal { message } ... on CancelOrderItemSuccess {
  orderItem { id status quantity cancelledQuantity cancelableQuantity cancellations { id reason note } }
  cancellation { requestId quantity } }`;

test.each([
  `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ${OUTCOME} } }`,
  `mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { ${OUTCOME} } }`,
  `mutation($input: CancelItemsOfOrderInput!) { cancelItemsOfOrder(input: $input) { ${OUTCOME} } }`,
])('a cancel is compiled, however many answers it can have: %s', (query) => {
  expect(isCompiled(query)).toBe(true);
});

test('an operation that would take long to compile is not compiled', () => {
  const askTimes = (times: number): string =>
    `{ ${Array.from({ length: times }, (_, n) => `a${n}: orderItem(id: "x") { cancellations { reason note } }`).join(' ')} }`;
  expect(isCompiled(askTimes(5))).toBe(true);
  expect(isCompiled(askTimes(50))).toBe(false);
});
