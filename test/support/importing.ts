import { randomUUID } from 'node:crypto';
import { type ImportCounts, importOrderItems, type ImportOptions } from '../../src/import/importOrderItems.ts';
import type { FileRow, RowValues } from '../../src/import/orderItemTable.ts';
import type { Defective } from '../../src/import/readLines.ts';

export interface Imported extends ImportCounts {
  /** The rejections in their order. */
  readonly rejections: readonly Defective[];
}

/** The result of an import without rows. */
export const NOTHING_IMPORTED: Imported = {
  inserted: 0,
  updated: 0,
  unchanged: 0,
  rejected: 0,
  keptCancelled: 0,
  rejections: [],
};

export async function importRows(
  databaseUrl: string,
  rows: AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>,
  options: ImportOptions = {},
): Promise<Imported> {
  const rejections: Defective[] = [];
  const onRejected = (rejected: Defective): void => {
    rejections.push(rejected);
  };
  return { ...(await importOrderItems(databaseUrl, rows, { ...options, onRejected })), rejections };
}

/** Builds the row of a new item with the given changes. */
export function aRow(values: RowValues = {}, line = 2): FileRow & { readonly values: { readonly id: string } } {
  return {
    line,
    values: {
      order_id: 'order-1',
      product_id: 'product-1',
      price_amount: '9.99',
      price_currency: 'GBP',
      ...values,
      id: values.id ?? randomUUID(),
    },
  };
}
