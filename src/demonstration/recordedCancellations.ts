import { toOrderItemId, type RetailLine } from './retailLines.ts';

/** A real customer's cancellation: a `C` line of the file. */
export interface RecordedCancellation {
  /** The id of the `C` line. */
  readonly externalId: string;
  /** The cancelled item. No item has this id if the order is older than the file. */
  readonly orderItemId: string;
}

/**
 * Finds the cancellations of the file, in its order. The file does not name the cancelled line. So each takes the latest
 * earlier order line of the same customer and product with at least its quantity that no earlier cancellation has taken.
 */
export function findRecordedCancellations(lines: readonly RetailLine[]): RecordedCancellation[] {
  const claimed = new Set<RetailLine>();
  return lines
    .filter(({ kind }) => kind === 'cancellation')
    .map((cancellation) => {
      const original = lines.findLast((line) => matchesOrder(line, cancellation) && !claimed.has(line));
      if (original !== undefined) claimed.add(original);
      return { externalId: cancellation.externalId, orderItemId: toOrderItemId(original ?? cancellation) };
    });
}

function matchesOrder(line: RetailLine, cancellation: RetailLine): boolean {
  return (
    line.kind === 'order' &&
    line.line < cancellation.line &&
    line.customer !== '' &&
    line.customer === cancellation.customer &&
    line.product === cancellation.product &&
    line.quantity >= -cancellation.quantity
  );
}
