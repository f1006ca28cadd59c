/** What an event says of a cancellation. It is the column `payload` of the outbox. */
export interface CancelledData {
  /** Null only in events of early releases whose item is gone, like the quantities. */
  readonly orderId: string | null;
  readonly orderItemId: string;
  readonly cancellationId: string;
  /** The units of this cancellation. */
  readonly quantity: number | null;
  /** The units of the item that are cancelled by now. It only grows, so a consumer can ignore what it has. */
  readonly cancelledQuantity: number | null;
  readonly remaining: number;
  readonly previousStatus: string;
  readonly status: string;
  readonly reasonCode: string | null;
  readonly cancelledBy: string;
  readonly channel: string;
  readonly requestId: string;
}

/**
 * An event in the form of CloudEvents 1.0.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The id of the item. */
  readonly subject: string;
  /** RFC 3339, in UTC. */
  readonly time: string;
  readonly data: CancelledData;
}

/** A row of the outbox. */
export interface OutboxRow {
  readonly id: string;
  readonly orderItemId: string;
  readonly type: string;
  readonly occurredAt: Date;
  /** Early releases wrote fewer members, and another process can write anything. */
  readonly payload: Partial<CancelledData> | null;
}

/** What the row of an early release does not say. */
export interface WholeItem {
  readonly orderId: string;
  readonly quantity: number;
}

/** Whether an early release wrote the row. It stated no quantity, because it cancelled whole items only. */
export function isOfWholeItem({ payload }: Pick<OutboxRow, 'payload'>): boolean {
  return payload?.quantity === undefined;
}

/**
 * Makes the event of a row.
 *
 * @param source tells the events of this service from those of others (`EVENTS_SOURCE`).
 * @param item completes the row of an early release. Undefined if the item is gone.
 */
export function toCloudEvent(row: OutboxRow, source: string, item: WholeItem | undefined): CloudEvent {
  return {
    specversion: '1.0',
    id: row.id,
    source,
    type: row.type,
    subject: row.orderItemId,
    time: row.occurredAt.toISOString(),
    data: isOfWholeItem(row) ? completeData(row, item) : (row.payload as CancelledData),
  };
}

function completeData({ payload, orderItemId }: OutboxRow, item: WholeItem | undefined): CancelledData {
  return {
    ...(payload as CancelledData),
    orderId: item?.orderId ?? null,
    orderItemId,
    quantity: item?.quantity ?? null,
    cancelledQuantity: item?.quantity ?? null,
    remaining: 0,
    status: 'cancelled',
    reasonCode: null,
  };
}
