import type { ItemView } from './cancelModel.ts';
import { type ModelOutcome, type Step, toRestBody } from './cancelStep.ts';
import { expectDocumented } from './openApi.ts';
import { CANCEL } from './restContract.ts';
import type { GraphQLAnswer, TestService } from './testService.ts';

export const ITEM_VIEW =
  'id status quantity cancelledQuantity cancelableQuantity cancelability { cancelable blockers { code } }';

const ANSWER = `fragment Answer on CancelOrderItemResult {
  __typename
  ... on CancelOrderItemRefusal { message }
  ... on CancelOrderItemSuccess { orderItem { ${ITEM_VIEW} } cancellation { requestId quantity } }
  ... on OrderItemNotCancelable { orderItem { ${ITEM_VIEW} } blockers { code } }
  ... on QuantityNotCancelable { orderItem { ${ITEM_VIEW} } requested remaining }
  ... on OrderNotCancelableAsWhole { orderItem { ${ITEM_VIEW} } }
}`;

const MUTATIONS = {
  graphql: `mutation($input: CancelOrderItemInput!) { answers: cancelOrderItem(input: $input) { ...Answer } } ${ANSWER}`,
  graphqlBulk: `mutation($input: CancelOrderItemsInput!) { answers: cancelOrderItems(input: $input) { ...Answer } } ${ANSWER}`,
  graphqlOrder: `mutation($input: CancelItemsOfOrderInput!) { answers: cancelItemsOfOrder(input: $input) { ...Answer } } ${ANSWER}`,
} as const;

/** `interpreted` makes the text of an operation new. The service compiles a text that it sees again. */
export type Execution = 'interpreted' | 'compiled';

/** What a caller is told of a step. */
interface Told {
  /** Null if the step is invalid GraphQL. */
  readonly outcomes: ModelOutcome[] | null;
  /** The items in the answer, which are those of GraphQL only. */
  readonly items: readonly ItemView[];
  readonly requestId: string;
}

/** The answer for an item, of which each type has some members. */
interface Answer {
  readonly __typename: string;
  readonly message: string;
  readonly orderItem?: ItemView;
  readonly blockers?: ItemView['cancelability']['blockers'];
  readonly remaining?: number;
  readonly cancellation?: { readonly requestId: string; readonly quantity: number };
}

let texts = 0;

/** Sends an operation so that the service executes it in this way. Before it can be compiled, it must have been sent twice. */
export function execute(
  service: TestService,
  execution: Execution,
  document: string,
  variables: object,
  token?: string,
): Promise<GraphQLAnswer> {
  const text = execution === 'compiled' ? document : `${document} # ${(texts += 1)}`;
  return service.graphql(text, variables, token);
}

/** Takes a step through its door. */
export function takeStep(service: TestService, step: Step, execution: Execution, token: string): Promise<Told> {
  const { door } = step;
  return door === 'rest'
    ? takeByRest(service, step, token)
    : takeByGraphQL(service, { ...step, door }, execution, token);
}

async function takeByRest(service: TestService, { ids, stated, idempotencyKey }: Step, token: string): Promise<Told> {
  const body = toRestBody(stated);
  const answer = await service.cancelByRest(ids.join(), {
    token,
    ...(body === null ? {} : { body }),
    ...(idempotencyKey === null
      ? {}
      : { headers: { 'idempotency-key': Buffer.from(idempotencyKey).toString('latin1') } }),
  });
  expectDocumented('POST', CANCEL, answer);
  const { status, headers, body: told } = answer;
  const outcome: ModelOutcome =
    status === 200
      ? { id: told.id, cancelledBy: told.request_id, quantity: told.quantity, remaining: told.remaining }
      : { refused: { status, type: expect.any(String), message: told.message } };
  return { outcomes: [outcome], items: [], requestId: headers.get('x-request-id') ?? '' };
}

async function takeByGraphQL(
  service: TestService,
  { door, ids, order, stated, idempotencyKey }: Step & { readonly door: keyof typeof MUTATIONS },
  execution: Execution,
  token: string,
): Promise<Told> {
  const target = {
    graphql: { id: ids[0] },
    graphqlBulk: { ids },
    graphqlOrder: { orderId: order?.id, mode: order?.mode },
  }[door];
  const input = { ...stated, ...target, ...(idempotencyKey === null ? {} : { idempotencyKey }) };
  const { status, headers, data, errors } = await execute(service, execution, MUTATIONS[door], { input }, token);
  const requestId = headers.get('x-request-id') ?? '';
  expect(status).toBe(200);
  if (errors.length > 0) {
    expect(new Set(errors.map(({ extensions }) => extensions['code']))).toEqual(new Set(['BAD_USER_INPUT']));
    return { outcomes: null, items: [], requestId };
  }
  const answers = [data.answers as Answer | Answer[]].flat();
  return {
    outcomes: answers.map(toOutcome),
    items: answers.flatMap(({ orderItem }) => (orderItem === undefined ? [] : [orderItem])),
    requestId,
  };
}

function toOutcome({ __typename: type, message, orderItem, blockers, remaining, cancellation }: Answer): ModelOutcome {
  if (orderItem !== undefined && cancellation !== undefined) {
    const { requestId, quantity } = cancellation;
    return { id: orderItem.id, cancelledBy: requestId, quantity, remaining: expect.any(Number) };
  }
  if (blockers !== undefined) expect(blockers.length).toBeGreaterThan(0);
  if (remaining !== undefined) expect(message).toContain(` ${remaining} `);
  return { refused: { status: expect.any(Number), type, message } };
}
