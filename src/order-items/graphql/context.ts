import type { Caller } from '../../auth/caller.ts';
import type { ReportContext } from '../../graphql/errors.ts';
import type { ListLimits } from '../../graphql/operationCost.ts';
import type { CacheTags } from './cacheTags.ts';
import type { CancelItemsOfOrder } from '../cancelItemsOfOrder.ts';
import type { CancelOrderItems } from '../cancelOrderItems.ts';
import type { ClosedWindows } from '../eligibility.ts';
import type { Loaders } from '../loaders.ts';
import type { OrderItem } from '../orderItem.ts';
import type { Viewer } from '../ownItems.ts';
import type { ReasonCodes } from '../reasonCodes.ts';

/** An item that was cancelled, as the result of the subscription's root field. */
export interface CancelledItem {
  readonly orderItemCancelled: OrderItem;
}

/**
 * Follows the cancels of items from now on.
 *
 * @throws Failure `not_found` if the database has no positions of events, or an error of the database.
 */
export type FollowCancels = (following: {
  /** Null: of all orders. */
  readonly orderId: string | null;
  /** Null: of all customers. */
  readonly customer: string | null;
  /** Called once if the reader falls behind. It gets no more items. */
  readonly onTooSlow: () => void;
}) => Promise<AsyncGenerator<CancelledItem, void, undefined>>;

/** The context of a resolver. */
export interface GraphQLContext extends ReportContext {
  readonly caller: Caller;
  /** Null if the caller's reads are not limited to the items of one customer. */
  readonly viewer: Viewer | null;
  readonly cancel: CancelOrderItems;
  readonly cancelItemsOfOrder: CancelItemsOfOrder;
  readonly followCancels: FollowCancels;
  /** Ends the stream of a subscriber that reads too slowly. */
  readonly dropSlowReader: () => void;
  /** What the cancellation windows had closed when the request arrived. */
  readonly closedWindows: ClosedWindows;
  readonly limits: ListLimits & { readonly bulkIds: number };
  readonly loaders: Loaders;
  /** The codes that cancels can state. */
  readonly reasonCodes: ReasonCodes;
  /** Null if answers must not be cached. */
  readonly cacheTags: CacheTags | null;
}
