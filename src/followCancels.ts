import type { CloudEvent } from './events/cloudEvent.ts';
import type { EventLog } from './events/eventLog.ts';
import { createEventTail } from './events/eventTail.ts';
import { readNumberingState } from './events/numberEvents.ts';
import { Failure } from './http/failures.ts';
import type { OrderItemDatabase } from './order-items/cancelTransaction.ts';
import type { CancelledItem, FollowCancels } from './order-items/graphql/context.ts';
import { isOwn } from './order-items/ownItems.ts';
import { readCancelledItems } from './order-items/readCancelledItems.ts';
import type { Logger } from './telemetry/logger.ts';

/**
 * Lets subscriptions follow cancellations. The items of a page of events are read once for all of them.
 *
 * @param log null if events have no positions in this database.
 * @param hasOwners whether items have customers.
 */
export function createFollowCancels(
  log: EventLog | null,
  { dataSource }: Pick<OrderItemDatabase, 'dataSource'>,
  hasOwners: boolean,
  logger: Logger,
): FollowCancels {
  if (log === null) {
    return () => Promise.reject(new Failure('not_found', 'Events have no positions in this database.'));
  }
  const load = async (events: readonly CloudEvent[]): Promise<(CancelledItem | null)[]> => {
    const ids = events.map(({ subject }) => subject);
    const found = await readCancelledItems(dataSource, ids, hasOwners);
    return events.map(({ subject }) => {
      const item = found.get(subject);
      return item === undefined ? null : { orderItemCancelled: item };
    });
  };
  const findNewest = async (): Promise<number> => (await readNumberingState(dataSource)).newest;
  const tail = createEventTail({ log, findNewest, load }, logger);
  return ({ orderId, customer, onTooSlow }) =>
    tail.follow({
      accepts: ({ orderItemCancelled: item }) =>
        (orderId === null || item.orderId === orderId) && isOwn(item, customer),
      onTooSlow,
    });
}
