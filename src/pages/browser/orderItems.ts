/** A small client of the service, with one function for each task of the start page. */

export type OrderItemStatus = 'PENDING' | 'ON_HOLD' | 'IN_FULFILLMENT' | 'COMPLETE' | 'CANCELLED' | 'RETURNED';

export type BlockerCode = 'NOT_PRE_ORDERED' | 'TERMINAL_STATUS' | 'WINDOW_CLOSED' | 'PAST_CUTOFF';

export interface OrderItem {
  readonly id: string;
  readonly order: { readonly id: string };
  readonly product: { readonly id: string };
  readonly status: OrderItemStatus;
  readonly isPreOrder: boolean;
  readonly releaseDate: string | null;
  readonly cancelableQuantity: number;
  readonly price: { readonly amount: string; readonly currency: string };
  readonly cancelability: {
    readonly cancelable: boolean;
    readonly blockers: readonly { readonly code: BlockerCode }[];
  };
}

export interface Page {
  readonly items: readonly OrderItem[];
  /** The cursor of the next page, or null on the last one. */
  readonly next: string | null;
}

export interface Filter {
  readonly statuses?: readonly OrderItemStatus[];
  readonly orderId?: string;
  readonly isPreOrder?: boolean;
  readonly cancelable?: boolean;
}

/** A cancellation of an item, in whole or in part. */
export interface Cancellation {
  readonly quantity: number;
  readonly reason: string | null;
  readonly reasonCode: string | null;
  readonly cancelledAt: string;
  readonly cancelledBy: string;
  readonly channel: 'GRAPHQL' | 'REST';
  readonly orderItem: { readonly id: string; readonly quantity: number; readonly order: { readonly id: string } };
}

export interface CancellationPage {
  readonly cancellations: readonly Cancellation[];
  /** The cursor of the next page, or null on the last one. */
  readonly next: string | null;
}

/** The conditions on cancellations. Times are instants in UTC. */
export type CancellationFilter = Readonly<
  Record<'orderId' | 'from' | 'to' | 'channel' | 'reasonCode' | 'cancelledBy', string | undefined>
>;

export interface Overview {
  readonly statuses: readonly { readonly status: OrderItemStatus; readonly count: number }[];
  readonly recent: readonly {
    readonly orderItemId: string;
    readonly reason: string | null;
    readonly cancelledAt: string;
    readonly channel: 'graphql' | 'rest';
  }[];
}

/** The result of a cancel: how many units or items it cancelled, or the reason of a refusal. */
export type CancelResult = { readonly cancelled: number; readonly requestId: string } | { readonly refusal: string };

/** A code for a reason, with its label. */
export interface ReasonCode {
  readonly code: string;
  readonly label: string;
}

/** The service gave no answer, or one that invites a retry. */
export class Unavailable extends Error {
  /** How long to wait before a retry. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs = 0) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

const TIMEOUT_MS = 15_000;

const ITEM = `fragment Item on OrderItem {
  id order { id } product { id } status isPreOrder releaseDate cancelableQuantity price { amount currency }
  cancelability { cancelable blockers { code } }
}`;

const OUTCOME = `fragment Outcome on CancelOrderItemResult {
  ... on CancelOrderItemSuccess { cancellation { quantity requestId } }
  ... on CancelOrderItemRefusal { message }
}`;

/** An answer to a cancel of an item. */
type Outcome =
  { readonly cancellation: { readonly quantity: number; readonly requestId: string } } | { readonly message: string };

/** A page of a list, as Relay has it. */
interface Connection<Node> {
  readonly edges: readonly { readonly node: Node }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

function listNodes<Node>({ edges }: Connection<Node>): Node[] {
  return edges.map(({ node }) => node);
}

function findNext({ pageInfo: { hasNextPage, endCursor } }: Connection<unknown>): string | null {
  return hasNextPage ? endCursor : null;
}

export interface Client {
  readonly list: (filter: Filter, after: string | null) => Promise<Page>;
  readonly find: (id: string) => Promise<OrderItem | null>;
  readonly overview: () => Promise<Overview>;
  readonly listCancellations: (filter: CancellationFilter, after: string | null) => Promise<CancellationPage>;
  /** Lists the codes that a cancel can state. */
  readonly listReasonCodes: () => Promise<readonly ReasonCode[]>;
  readonly cancel: (item: OrderItem, request: CancelRequest) => Promise<CancelResult>;
}

export interface CancelRequest {
  readonly reason: string;
  /** Empty for none. */
  readonly reasonCode: string;
  readonly note: string;
  /** The units of the item, or null for all that are left. */
  readonly units: number | null;
  /** Whether to cancel the items of the order instead. */
  readonly isForOrder: boolean;
  /** The same key for all tries of a request. */
  readonly idempotencyKey: string;
}

/** @param signal aborts the requests. */
export function createClient(
  token: string | null,
  signal: () => AbortSignal = () => new AbortController().signal,
): Client {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };

  /** Sends a request. @returns the body of the answer. */
  const send = async <Body>(path: string, init: RequestInit): Promise<Body> => {
    let answer: Response;
    let body: unknown;
    try {
      answer = await fetch(path, { ...init, signal: AbortSignal.any([signal(), AbortSignal.timeout(TIMEOUT_MS)]) });
      body = await answer.json();
    } catch {
      throw new Unavailable('The service does not answer.');
    }
    if (answer.status === 401) throw new Error('The token is missing, or no longer valid. Reload the page.');
    if (answer.status === 429 || answer.status >= 500) {
      const retryAfterMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000;
      throw new Unavailable(
        answer.status === 429 ? 'These are too many requests.' : 'The service cannot answer now.',
        retryAfterMs,
      );
    }
    return body as Body;
  };

  const ask = async <Data>(query: string, variables: object): Promise<Data> => {
    const { data, errors } = await send<{ data?: Data; errors?: { message: string }[] }>('/graphql', {
      method: 'POST',
      headers: { ...authorization, 'content-type': 'application/json', 'apollographql-client-name': 'start-page' },
      body: JSON.stringify({ query, variables }),
    });
    if (errors !== undefined || data === undefined) throw new Error(errors?.[0]?.message ?? 'There is no answer.');
    return data;
  };

  return {
    list: async (filter, after) => {
      const { orderItems } = await ask<{ orderItems: Connection<OrderItem> }>(
        `query StartPageItems($filter: OrderItemFilter, $after: String) {
          orderItems(filter: $filter, after: $after) { edges { node { ...Item } } pageInfo { hasNextPage endCursor } }
        } ${ITEM}`,
        { filter, after },
      );
      return { items: listNodes(orderItems), next: findNext(orderItems) };
    },
    find: async (id) => {
      const query = `query StartPageItem($id: ID!) { orderItem(id: $id) { ...Item } } ${ITEM}`;
      return (await ask<{ orderItem: OrderItem | null }>(query, { id })).orderItem;
    },
    overview: async () => {
      const body = await send<Overview | { message: string }>('/pages/overview', { headers: authorization });
      if ('message' in body) throw new Error(body.message);
      return body;
    },
    listCancellations: async (filter, after) => {
      const { cancellations } = await ask<{ cancellations: Connection<Cancellation> }>(
        `query StartPageCancellations($filter: CancellationFilter, $after: String) {
          cancellations(filter: $filter, first: 10, after: $after) {
            edges { node {
              quantity reason reasonCode cancelledAt cancelledBy channel orderItem { id quantity order { id } }
            } }
            pageInfo { hasNextPage endCursor }
          }
        }`,
        { filter, after },
      );
      return { cancellations: listNodes(cancellations), next: findNext(cancellations) };
    },
    listReasonCodes: async () => {
      const query = 'query StartPageReasonCodes { cancellationReasons { code label } }';
      return (await ask<{ cancellationReasons: ReasonCode[] | null }>(query, {})).cancellationReasons ?? [];
    },
    cancel: async ({ id, order }, { reason, reasonCode, note, units, isForOrder, idempotencyKey }) => {
      const stated = {
        reason,
        idempotencyKey,
        ...(reasonCode === '' ? {} : { reasonCode }),
        ...(note === '' ? {} : { note }),
      };
      const { results } = isForOrder
        ? await ask<{ results: Outcome[] }>(
            `mutation StartPageCancelOrder($input: CancelItemsOfOrderInput!) {
              results: cancelItemsOfOrder(input: $input) { ...Outcome }
            } ${OUTCOME}`,
            { input: { ...stated, orderId: order.id } },
          )
        : await ask<{ results: Outcome }>(
            `mutation StartPageCancel($input: CancelOrderItemInput!) {
              results: cancelOrderItem(input: $input) { ...Outcome }
            } ${OUTCOME}`,
            { input: { ...stated, id, ...(units === null ? {} : { quantity: units }) } },
          );
      const outcomes = [results].flat();
      const successes = outcomes.flatMap((outcome) => ('cancellation' in outcome ? [outcome.cancellation] : []));
      const [first] = successes;
      if (first === undefined) {
        const refusal = outcomes.find((outcome) => 'message' in outcome);
        return { refusal: refusal?.message ?? 'The order has no items.' };
      }
      return { cancelled: isForOrder ? successes.length : first.quantity, requestId: first.requestId };
    },
  };
}
