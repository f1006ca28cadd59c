import { randomUUID } from 'node:crypto';
import type { Attempt } from './account.ts';
import {
  type Cancel,
  cancelledRequest,
  cancelRequest,
  itemsRequest,
  orderRequest,
  pageRequest,
  readUnits,
  type Request,
  type Units,
} from './requests.ts';
import type { Stock } from './stock.ts';

/** The answer to a request. */
export interface Answer {
  /** Null without an answer. */
  readonly status: number | null;
  readonly text: string;
  /** Whether it is a right answer with status 200 or 400. */
  readonly isRight: boolean;
}

export type Send = (request: Request) => Promise<Answer>;

/** A task of a caller, who repeats it. It returns whether the answer was right. */
export type Task = () => Promise<boolean>;

/** The codes that cancels state in turn. */
const REASON_CODES = ['changed_mind', 'release_delayed', null];

/** The most units that a cancel in part states. Items have 1 to 5. */
const MAX_UNITS = 3;

/** The orders whose turn is near. Units of their items are cancelled beside the cancel of the order. */
const NEAR_ORDERS = 4;

/**
 * Creates the tasks of 24 callers, of which half cancel.
 *
 * @param stock is used up.
 * @param attempts receives each cancel.
 */
export function createTasks(stock: Stock, attempts: Attempt[], send: Send): readonly Task[] {
  let [nextItem, nextOrder, again] = [0, 0, 0];

  const attempt = async (cancel: Partial<Cancel> & Pick<Cancel, 'items'>): Promise<boolean> => {
    const made: Attempt = {
      door: 'graphql',
      key: null,
      quantity: null,
      mode: null,
      reasonCode: REASON_CODES[attempts.length % REASON_CODES.length] ?? null,
      requestId: randomUUID().replaceAll('-', ''),
      units: null,
      ...cancel,
    };
    attempts.push(made);
    return sendCancel(made, send);
  };
  const cancelItems = (count: number, cancel: Partial<Cancel>): Promise<boolean> => {
    const items = stock.items.slice(nextItem, (nextItem += count));
    if (items.length < count) throw new Error('The items to cancel ran out.');
    return attempt({ ...cancel, items });
  };
  const cancelUnits = (cancel: Partial<Cancel>): Promise<boolean> => {
    const order = stock.orders[Math.min(nextOrder + randomBelow(NEAR_ORDERS), stock.orders.length - 1)];
    const item = pickAny((order?.items ?? []).filter(({ isPreOrder }) => isPreOrder));
    return attempt({ ...cancel, items: [item], quantity: 1 + randomBelow(MAX_UNITS) });
  };
  const cancelOrder = (cancel: Partial<Cancel>): Promise<boolean> => {
    const number = nextOrder++;
    const order = stock.orders[number];
    if (order === undefined) throw new Error('The orders to cancel ran out.');
    // Every other order has an item that cannot be cancelled. Each mode gets both kinds.
    const mode = number % 4 < 2 ? 'ALL_CANCELABLE' : 'ALL_OR_NOTHING';
    return attempt({ ...cancel, items: order.items, mode });
  };
  const cancelAgain = async (): Promise<boolean> => {
    const done = attempts[again++ % Math.max(attempts.length, 1)];
    return done?.units != null && (await send(repeatRequest(done, done.units))).isRight;
  };
  const readCancelled = async (): Promise<boolean> => {
    const done = attempts[randomBelow(attempts.length)];
    return done?.units != null && done.units.size > 0 && (await send(cancelledRequest(done.units))).isRight;
  };
  const readItems = async (count: number): Promise<boolean> => {
    const ids = Array.from({ length: count }, () => pickAny(stock.items).id);
    return (await send(itemsRequest(ids))).isRight;
  };
  const readOrder = async (): Promise<boolean> => {
    const { id, items } = pickAny(stock.orders);
    return (await send(orderRequest(id, items.length))).isRight;
  };
  const readPage = async (): Promise<boolean> => (await send(pageRequest(pickAny(stock.items).orderId))).isRight;

  const key = (): string => randomUUID();
  return [
    () => cancelItems(1, { key: key() }),
    () => cancelItems(1, {}),
    () => cancelItems(1, { door: 'rest', key: key() }),
    () => cancelItems(1, { door: 'rest' }),
    () => cancelItems(5, { key: key() }),
    () => cancelItems(5, {}),
    () => cancelUnits({ key: key() }),
    () => cancelUnits({}),
    () => cancelUnits({ door: 'rest', key: key() }),
    () => cancelUnits({ door: 'rest' }),
    () => cancelOrder({ key: key() }),
    () => cancelOrder({}),
    ...Array.from({ length: 2 }, () => cancelAgain),
    ...Array.from({ length: 2 }, () => readCancelled),
    ...Array.from({ length: 4 }, () => () => readItems(1)),
    ...Array.from({ length: 2 }, () => () => readItems(10)),
    readOrder,
    readPage,
  ];
}

/** Sends a cancel and notes the units that a right answer tells. @returns whether the answer was right. */
export async function sendCancel(made: Attempt, send: Send): Promise<boolean> {
  const { status, text, isRight } = await send(cancelRequest(made));
  if (isRight && status !== null) made.units = readUnits(made, status, text);
  return isRight;
}

/**
 * Creates a request that must cancel nothing. With a key, it is the same request again, which gets its first answer. Without one,
 * it is a cancel of an item that has no unit left.
 */
function repeatRequest(done: Attempt, units: Units): Request {
  if (done.key !== null) {
    const isSame = (again: Units): boolean =>
      done.items.every(({ id }) => (again.get(id) ?? 0) === (units.get(id) ?? 0));
    return { ...cancelRequest(done, isSame), changes: false };
  }
  const cancelled = done.items.filter(({ id }) => (units.get(id) ?? 0) > 0);
  if (done.quantity !== null || cancelled.length === 0) return cancelledRequest(units);
  const refused: Cancel = { ...done, items: [pickAny(cancelled)], door: 'rest', mode: null, quantity: 1 };
  const isRefused = (again: Units): boolean => [...again.values()].every((count) => count === 0);
  return { ...cancelRequest(refused, isRefused), changes: false };
}

function pickAny<T>(values: readonly T[]): T {
  const value = values[randomBelow(values.length)];
  if (value === undefined) throw new Error('There is nothing to pick from.');
  return value;
}

function randomBelow(bound: number): number {
  return Math.floor(Math.random() * bound);
}
