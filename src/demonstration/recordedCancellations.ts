import { orderItemIdOf, type RetailLine } from './retailLines.ts';

/** A cancellation that a customer really made: one `C` line of the file. */
export interface RecordedCancellation {
  /** Of the `C` line itself. */
  readonly externalId: string;
  /** The item that it cancels; an id that no item has where the order is older than the file. */
  readonly orderItemId: string;
}

/**
 * The cancellations of the file, to be replayed in its order. The file does not say which line one takes back, so it is
 * the latest earlier order line of the same customer and product, of at least its quantity, that no earlier one claims.
 */
export function recordedCancellations(lines: readonly RetailLine[]): RecordedCancellation[] {
  const claimed = new Set<RetailLine>();
  return lines
    .filter(({ kind }) => kind === 'cancellation')
    .map((cancellation) => {
      const original = lines.findLast((line) => isOrderOf(line, cancellation) && !claimed.has(line));
      if (original !== undefined) claimed.add(original);
      return { externalId: cancellation.externalId, orderItemId: orderItemIdOf(original ?? cancellation) };
    });
}

function isOrderOf(line: RetailLine, cancellation: RetailLine): boolean {
  return (
    line.kind === 'order' &&
    line.line < cancellation.line &&
    line.customer !== '' &&
    line.customer === cancellation.customer &&
    line.product === cancellation.product &&
    line.quantity >= -cancellation.quantity
  );
}
