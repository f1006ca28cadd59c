import { readFile } from 'node:fs/promises';
import { v5 as uuidv5 } from 'uuid';
import { readCsv } from '../import/readCsv.ts';
import { readLines } from '../import/readLines.ts';

/** One line of an invoice in `online-retail-10k.csv`, described in the README beside it. */
export interface RetailLine {
  readonly kind: 'order' | 'cancellation' | 'write-off';
  /** Its number in the file, whose header is line 1. */
  readonly line: number;
  /** Invoice and position in it, from 1, such as `536365:1`: the id that its source gave it. */
  readonly externalId: string;
  readonly invoice: string;
  readonly product: string;
  /** What the product is; empty where the file does not say. */
  readonly description: string;
  /** Less than 0 unless it is an order line. */
  readonly quantity: number;
  /** `YYYY-MM-DD` */
  readonly date: string;
  readonly unitPrice: string;
  /** Empty where nobody is known. */
  readonly customer: string;
  /** Where the customer lives. */
  readonly country: string;
}

const FILE = new URL('online-retail-10k.csv', import.meta.url);

/** An arbitrary UUID that must never change: every id of the demonstration comes from it. */
const NAMESPACE = '710a12cc-7daf-402b-b3d6-200c11547002';

/** Reads the whole file, in its order. */
export async function readRetailLines(): Promise<RetailLine[]> {
  const retailLines: RetailLine[] = [];
  const linesOfInvoice = new Map<string, number>();
  for await (const record of readCsv(readLines([await readFile(FILE)]))) {
    if ('defect' in record) throw new Error(`Line ${record.line} of the demonstration data: ${record.defect}.`);
    if (record.line === 1) continue;
    const [
      invoice = '',
      product = '',
      description = '',
      quantity = '',
      date = '',
      unitPrice = '',
      customer = '',
      country = '',
    ] = record.fields;
    const position = (linesOfInvoice.get(invoice) ?? 0) + 1;
    linesOfInvoice.set(invoice, position);
    retailLines.push({
      kind: kindOf(invoice, Number(quantity)),
      line: record.line,
      externalId: `${invoice}:${position}`,
      invoice,
      product,
      description,
      quantity: Number(quantity),
      date: isoDate(date),
      unitPrice,
      customer,
      country,
    });
  }
  return retailLines;
}

/** The id of the order item that a line is, or would be: always the same. */
export function orderItemIdOf({ externalId }: RetailLine): string {
  return uuidv5(externalId, NAMESPACE);
}

/** Stock that is written off is a negative line that nobody ordered, and that is not marked as a cancellation. */
function kindOf(invoice: string, quantity: number): RetailLine['kind'] {
  if (invoice.startsWith('C')) return 'cancellation';
  return quantity < 0 ? 'write-off' : 'order';
}

/** @param date as the file writes it, d/m/yyyy. */
function isoDate(date: string): string {
  const [day = '', month = '', year = ''] = date.split('/');
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}
