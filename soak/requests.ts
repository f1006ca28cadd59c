import type { StockItem } from './stock.ts';

/** A cancel of items, of some units of an item, or of an order. */
export interface Cancel {
  /** The items to cancel. Of an order, all its items. */
  readonly items: readonly StockItem[];
  readonly door: 'graphql' | 'rest';
  /** The idempotency key, or null. */
  readonly key: string | null;
  /** The units to cancel of the only item, or null for all that are left. */
  readonly quantity: number | null;
  readonly reasonCode: string | null;
  /** The mode of the cancel of an order, or null. */
  readonly mode: 'ALL_CANCELABLE' | 'ALL_OR_NOTHING' | null;
  /** The trace id of all tries. The record of each cancellation has it, so the record names its request. */
  readonly requestId: string;
}

/** The units that a cancel took of each item: 0 of an item that was refused. */
export type Units = ReadonlyMap<string, number>;

/** A request and the check of its answer. */
export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly changes: boolean;
  /** Whether an answer with status 200 or 400 is complete and right. */
  readonly isRight: (status: number, answer: string) => boolean;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** All results of cancels, from which {@link readUnits} reads. */
const RESULT = `
  __typename
  ... on CancelOrderItemSuccess { orderItem { id } cancellation { quantity requestId reasonCode } }
  ... on OrderItemNotCancelable { orderItem { id } }
  ... on QuantityNotCancelable { orderItem { id } requested remaining }
  ... on OrderNotCancelableAsWhole { orderItem { id } }`;

const CANCEL_ITEMS = `mutation CancelItems($input: CancelOrderItemsInput!) {
  results: cancelOrderItems(input: $input) {${RESULT}
  }
}`;

const CANCEL_UNITS = `mutation CancelUnits($input: CancelOrderItemInput!) {
  results: cancelOrderItem(input: $input) {${RESULT}
  }
}`;

const CANCEL_ORDER = `mutation CancelOrder($input: CancelItemsOfOrderInput!) {
  results: cancelItemsOfOrder(input: $input) {${RESULT}
  }
}`;

const ITEMS = `query Items($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on OrderItem { id status cancelledQuantity cancelability { cancelable } } }
}`;

const ORDER = `query Order($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Order { cancelability { cancelable cancelableItems blockedItems } } }
}`;

const PAGE = `query Page($orderId: ID!) {
  orderItems(first: 20, filter: { orderId: $orderId }) { edges { node { id status } } }
}`;

/** @param isRight checks the units that the answer tells. By default, every answer that {@link readUnits} reads is right. */
export function cancelRequest(cancel: Cancel, isRight: (units: Units) => boolean = () => true): Request {
  const { items, door, key, quantity, reasonCode, mode, requestId } = cancel;
  const reason = 'Late';
  const check: Request['isRight'] = (status, answer) => {
    const units = readUnits(cancel, status, answer);
    return units !== null && isRight(units);
  };
  const trace = { traceparent: `00-${requestId}-${requestId.slice(16)}-00` };
  if (door === 'rest') {
    const stated = {
      ...(quantity === null ? {} : { quantity }),
      ...(reasonCode === null ? {} : { reason_code: reasonCode }),
    };
    const hasBody = Object.keys(stated).length > 0;
    return {
      path: `/v0/line_item/${items[0]?.id ?? ''}/cancel`,
      headers: { ...trace, ...(key === null ? {} : { 'idempotency-key': key }), ...(hasBody ? JSON_TYPE : {}) },
      body: hasBody ? JSON.stringify({ reason, ...stated }) : '',
      changes: true,
      isRight: check,
    };
  }
  const stated = { reason, reasonCode, ...(key === null ? {} : { idempotencyKey: key }) };
  const ids = items.map(({ id }) => id);
  const [query, input] =
    mode !== null
      ? [CANCEL_ORDER, { ...stated, mode, orderId: items[0]?.orderId }]
      : quantity !== null
        ? [CANCEL_UNITS, { ...stated, quantity, id: ids[0] }]
        : [CANCEL_ITEMS, { ...stated, ids }];
  return { ...graphql(query, { input }, check), headers: { ...JSON_TYPE, ...trace }, changes: true };
}

/**
 * Reads which units a cancel took.
 *
 * @returns null for an answer that is not complete and right, whatever other callers did. Only a cancel of units or of an order
 *   can be refused, because others cancel the same items.
 */
export function readUnits(cancel: Cancel, status: number, answer: string): Units | null {
  return cancel.door === 'rest' ? readRestUnits(cancel, status, answer) : readResults(cancel, status, answer);
}

function readRestUnits({ items: [item], quantity, requestId }: Cancel, status: number, answer: string): Units | null {
  if (item === undefined) return null;
  if (status === 400) return quantity === null ? null : new Map([[item.id, 0]]);
  const body = parseObject<RestAnswer>(answer);
  const isRight =
    body.quantity === (quantity ?? item.quantity) &&
    (body.status === 'cancelled') === (body.remaining === 0) &&
    body.request_id === requestId;
  return isRight ? new Map([[item.id, body.quantity]]) : null;
}

interface RestAnswer {
  readonly status: string;
  readonly quantity: number;
  readonly remaining: number;
  readonly request_id: string;
}

interface Result {
  readonly __typename: string;
  readonly orderItem?: { readonly id: string };
  readonly cancellation?: { readonly quantity: number; readonly requestId: string; readonly reasonCode: string | null };
  readonly requested?: number;
  readonly remaining?: number;
}

function readResults(cancel: Cancel, status: number, answer: string): Units | null {
  const { data, errors } = parseObject<{ data: { results?: Result | Result[] } | null; errors: unknown }>(answer);
  if (status !== 200 || errors !== undefined || data?.results === undefined) return null;
  const results = [data.results].flat();
  if (!results.every((result) => isRightResult(cancel, result))) return null;
  const units = new Map(results.map((result) => [result.orderItem?.id ?? '', result.cancellation?.quantity ?? 0]));
  // A repeat of the cancel of an order tells only of the items that the first request cancelled.
  const isRepeat = cancel.mode !== null && cancel.key !== null && results.every(({ cancellation }) => cancellation);
  return units.size === results.length && (isRepeat || results.length === cancel.items.length) ? units : null;
}

function isRightResult({ items, quantity, mode, reasonCode, requestId }: Cancel, result: Result): boolean {
  const item = items.find(({ id }) => id === result.orderItem?.id);
  if (item === undefined) return false;
  switch (result.__typename) {
    case 'CancelOrderItemSuccess': {
      const { cancellation } = result;
      const isQuantityRight =
        mode === null
          ? cancellation?.quantity === (quantity ?? item.quantity)
          : cancellation !== undefined && cancellation.quantity >= 1 && cancellation.quantity <= item.quantity;
      return (
        isQuantityRight &&
        item.isPreOrder &&
        cancellation?.requestId === requestId &&
        cancellation.reasonCode === reasonCode
      );
    }
    case 'OrderItemNotCancelable':
      return mode !== null || quantity !== null;
    case 'QuantityNotCancelable':
      return quantity !== null && result.requested === quantity && (result.remaining ?? quantity) < quantity;
    case 'OrderNotCancelableAsWhole':
      return mode === 'ALL_OR_NOTHING' && items.some(({ isPreOrder }) => !isPreOrder);
    default:
      return false;
  }
}

export function itemsRequest(ids: readonly string[]): Request {
  return items(ids, () => true);
}

/** Creates a read of cancelled items. The right answer has at least these units cancelled. */
export function cancelledRequest(units: Units): Request {
  return items([...units.keys()], ({ id, cancelledQuantity }) => cancelledQuantity >= (units.get(id) ?? 0));
}

interface ItemRead {
  readonly id: string;
  readonly cancelledQuantity: number;
}

function items(ids: readonly string[], isRight: (item: ItemRead) => boolean): Request {
  const representations = ids.map((id) => ({ __typename: 'OrderItem', id }));
  return graphql(ITEMS, { representations }, (status, answer) => {
    const found = readEntities(status, answer) as readonly ItemRead[];
    return found.length === ids.length && found.every((item, place) => item.id === ids[place] && isRight(item));
  });
}

/** Creates a read of what can be cancelled of an order. */
export function orderRequest(id: string, itemCount: number): Request {
  return graphql(ORDER, { representations: [{ __typename: 'Order', id }] }, (status, answer) => {
    const [order] = readEntities(status, answer) as readonly { cancelability: OrderRead | null }[];
    const { cancelable, cancelableItems = 0, blockedItems = 0 } = order?.cancelability ?? {};
    return cancelable === cancelableItems > 0 && cancelableItems + blockedItems === itemCount;
  });
}

interface OrderRead {
  readonly cancelable?: boolean;
  readonly cancelableItems?: number;
  readonly blockedItems?: number;
}

function readEntities(status: number, answer: string): readonly object[] {
  const { data, errors } = parseObject<{ data: { _entities: (object | null)[] } | null; errors: unknown }>(answer);
  if (status !== 200 || errors !== undefined) return [];
  return (data?._entities ?? []).filter((entity) => entity !== null);
}

export function pageRequest(orderId: string): Request {
  return graphql(PAGE, { orderId }, (status, answer) => status === 200 && answer.includes('"edges":[{'));
}

function graphql(query: string, variables: object, isRight: Request['isRight']): Request {
  return {
    path: '/graphql',
    headers: JSON_TYPE,
    body: JSON.stringify({ query, variables }),
    changes: false,
    isRight,
  };
}

/** Parses a body. A body that is no JSON has no members, so no check of an answer finds it right. */
function parseObject<Body extends object>(text: string): Partial<Body> {
  try {
    return JSON.parse(text) as Partial<Body>;
  } catch {
    return {};
  }
}
