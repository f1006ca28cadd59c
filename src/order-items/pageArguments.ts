import { badInput } from '../http/failures.ts';
import { isStorableText } from './cancelRequest.ts';
import { decodeCursor } from './cursors.ts';
import type { PageRequest } from './listOrderItems.ts';
import type { QueryOrderItemsArgs } from './resolverTypes.generated.ts';

const DEFAULT_PAGE_SIZE = 20;

/**
 * Checks the arguments of a list.
 *
 * @param maxPageSize what `first` may be at most.
 * @throws Failure `bad_request`, naming the argument.
 */
export function parsePageArguments({ filter, first, after }: QueryOrderItemsArgs, maxPageSize: number): PageRequest {
  const size = first ?? Math.min(DEFAULT_PAGE_SIZE, maxPageSize);
  if (size < 1 || size > maxPageSize) throw badInput(`'first' must be from 1 to ${maxPageSize}.`);
  const place = after == null ? null : decodeCursor(after);
  if (after != null && place === null) throw badInput("'after' is not a cursor of this list.");
  const orderId = filter?.orderId ?? null;
  if (orderId !== null && !isStorableText(orderId)) {
    throw badInput("'orderId' has a character that is not allowed (NUL or half of a surrogate pair).");
  }
  return {
    filter: {
      orderId,
      statuses: filter?.statuses ?? null,
      isPreOrder: filter?.isPreOrder ?? null,
      cancelable: filter?.cancelable ?? null,
    },
    first: size,
    after: place,
  };
}
