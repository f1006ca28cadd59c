import { badInput } from '../../http/failures.ts';
import { isStorableText } from '../cancelRequest.ts';
import { decodeCursor } from '../cursors.ts';
import { NOTHING_CLOSED } from '../eligibility.ts';
import { DEFAULT_PAGE_SIZE, type PageRequest } from '../listOrderItems.ts';
import type { GraphQLContext } from './context.ts';
import type { QueryOrderItemsArgs } from './resolverTypes.generated.ts';

/** Longer than real ids, cursors and lists of statuses. Longer values would cost time for each order of a request. */
const MAX_ID_LENGTH = 1_000;
const MAX_CURSOR_LENGTH = 100;
const MAX_STATUSES = 100;

/** The arguments of a list. */
interface PageArguments {
  /** The order of the filter, or null. */
  readonly orderId: string | null;
  readonly request: PageRequest;
}

/** Whether an order can have this id. */
export function isOrderId(id: string): boolean {
  return id.length <= MAX_ID_LENGTH && isStorableText(id);
}

/**
 * Checks the arguments of a list.
 *
 * @param context has the limit of `first`, and what is closed for `filter.cancelable`.
 * @throws Failure `bad_request` that names the argument.
 */
export function parsePageArguments(
  { filter, first, after }: QueryOrderItemsArgs,
  { limits: { pageSize: maxPageSize }, closedWindows }: Pick<GraphQLContext, 'limits' | 'closedWindows'>,
): PageArguments {
  const size = first ?? Math.min(DEFAULT_PAGE_SIZE, maxPageSize);
  if (size < 1 || size > maxPageSize) throw badInput(`'first' must be from 1 to ${maxPageSize}.`);
  const place = after == null || after.length > MAX_CURSOR_LENGTH ? null : decodeCursor(after);
  if (after != null && place === null) throw badInput("'after' is not a cursor of this list.");
  const orderId = filter?.orderId ?? null;
  if (orderId !== null && !isStorableText(orderId)) {
    throw badInput("'orderId' has a character that is not allowed (NUL or half of a surrogate pair).");
  }
  if (orderId !== null && orderId.length > MAX_ID_LENGTH) {
    throw badInput(`'orderId' must have at most ${MAX_ID_LENGTH} characters.`);
  }
  const statuses = filter?.statuses ?? null;
  if (statuses !== null && statuses.length > MAX_STATUSES) {
    throw badInput(`'statuses' must hold at most ${MAX_STATUSES} statuses.`);
  }
  return {
    orderId,
    request: {
      filter: {
        statuses: statuses === null ? null : [...new Set(statuses)],
        isPreOrder: filter?.isPreOrder ?? null,
        cancelable: filter?.cancelable ?? null,
      },
      // Requests for the same page share a statement, so the instant of a request must not make pages differ in vain.
      closedWindows: filter?.cancelable == null ? NOTHING_CLOSED : closedWindows,
      first: size,
      after: place,
    },
  };
}
