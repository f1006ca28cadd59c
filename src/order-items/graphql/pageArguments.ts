import { badInput } from '../../http/failures.ts';
import { isStorableText } from '../cancelRequest.ts';
import { decodeCursor } from '../cursors.ts';
import { NOTHING_CLOSED } from '../eligibility.ts';
import { toInstant } from '../instant.ts';
import type { CancellationPageRequest } from '../listCancellations.ts';
import { DEFAULT_PAGE_SIZE, type PageRequest } from '../listOrderItems.ts';
import type { GraphQLContext } from './context.ts';
import type { QueryCancellationsArgs, QueryOrderItemsArgs } from './resolverTypes.generated.ts';

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

/** The arguments that all lists have. */
interface ListArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

/** Whether an order can have this id. */
export function isOrderId(id: string): boolean {
  return id.length <= MAX_ID_LENGTH && isStorableText(id);
}

/**
 * Checks the arguments of a list.
 *
 * @param context has the limit of `first`, what is closed for `filter.cancelable`, and whose items there are.
 * @throws Failure `bad_request` that names the argument.
 */
export function parsePageArguments(
  { filter, first, after }: QueryOrderItemsArgs,
  {
    limits: { pageSize: maxPageSize },
    closedWindows,
    viewer,
  }: Pick<GraphQLContext, 'limits' | 'closedWindows' | 'viewer'>,
): PageArguments {
  const place = parsePlace({ first, after }, maxPageSize);
  const orderId = parseText('orderId', filter?.orderId);
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
      customer: viewer?.customer ?? null,
      ...place,
    },
  };
}

/**
 * Checks the arguments of the list of cancellations.
 *
 * @throws Failure `bad_request` that names the argument.
 */
export function parseCancellationArguments(
  { filter, first, after }: QueryCancellationsArgs,
  { limits: { pageSize: maxPageSize }, viewer }: Pick<GraphQLContext, 'limits' | 'viewer'>,
): CancellationPageRequest {
  const { from, to, channel, ...texts } = filter ?? {};
  return {
    filter: {
      from: from == null ? null : toInstant(from.getTime()),
      to: to == null ? null : toInstant(to.getTime()),
      orderId: parseText('orderId', texts.orderId),
      channel: channel ?? null,
      reasonCode: parseText('reasonCode', texts.reasonCode),
      cancelledBy: parseText('cancelledBy', texts.cancelledBy),
    },
    viewer,
    ...parsePlace({ first, after }, maxPageSize),
  };
}

function parsePlace({ first, after }: ListArguments, maxPageSize: number): Pick<PageRequest, 'first' | 'after'> {
  const size = first ?? Math.min(DEFAULT_PAGE_SIZE, maxPageSize);
  if (size < 1 || size > maxPageSize) throw badInput(`'first' must be from 1 to ${maxPageSize}.`);
  const place = after == null || after.length > MAX_CURSOR_LENGTH ? null : decodeCursor(after);
  if (after != null && place === null) throw badInput("'after' is not a cursor of this list.");
  return { first: size, after: place };
}

function parseText(name: string, text: string | null | undefined): string | null {
  if (text == null) return null;
  if (!isStorableText(text)) {
    throw badInput(`'${name}' has a character that is not allowed (NUL or half of a surrogate pair).`);
  }
  if (text.length > MAX_ID_LENGTH) throw badInput(`'${name}' must have at most ${MAX_ID_LENGTH} characters.`);
  return text;
}
