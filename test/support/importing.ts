import { randomUUID } from 'node:crypto';
import { type ImportCounts, importOrderItems, type ImportOptions } from '../../src/import/importOrderItems.ts';
import type { FileRow, RowValues } from '../../src/import/orderItemTable.ts';
import type { Defective } from '../../src/import/readLines.ts';

export interface Imported extends ImportCounts {
  /** In the order in which they were told. */
  readonly rejections: readonly Defective[];
}

/** What an import of nothing comes to. */
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

/** The row of an item that nobody has yet, but for what the test says of it. */
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
