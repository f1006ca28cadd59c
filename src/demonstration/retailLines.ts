import { readFile } from 'node:fs/promises';
import { v5 as uuidv5 } from 'uuid';
import { readCsv } from '../import/readCsv.ts';
import { readLines } from '../import/readLines.ts';

/** One line of an invoice in `online-retail-10k.csv`, described in the README beside it. */
export interface RetailLine {
  readonly kind: 'order' | 'cancellation' | 'write-off';
  /** The line's number in the file. The header is line 1. */
  readonly line: number;
  /** The invoice and the position in it, from 1, such as `536365:1`. */
  readonly externalId: string;
  readonly invoice: string;
  readonly product: string;
  /** The product's description, or an empty text. */
  readonly description: string;
  /** Negative unless it is an order line. */
  readonly quantity: number;
  /** `YYYY-MM-DD` */
  readonly date: string;
  readonly unitPrice: string;
  /** Empty if the customer is unknown. */
  readonly customer: string;
  /** The country of the customer. */
  readonly country: string;
}

const FILE = new URL('online-retail-10k.csv', import.meta.url);

/** An arbitrary UUID that must never change, because every id of the demonstration derives from it. */
const NAMESPACE = '710a12cc-7daf-402b-b3d6-200c11547002';

/** Reads all lines of the file in order. */
export async function readRetailLines(): Promise<RetailLine[]> {
  const retailLines: RetailLine[] = [];
  const linesOfInvoice = new Map<string, number>();
  for await (const record of readCsv(readLines([await readFile(FILE)]), ',')) {
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
      kind: classify(invoice, Number(quantity)),
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

/** Returns the id of a line's order item. It is the same in every database. */
export function toOrderItemId({ externalId }: RetailLine): string {
  return uuidv5(externalId, NAMESPACE);
}

/** Classifies a line. A negative line without the mark of a cancellation is a write-off of stock. */
function classify(invoice: string, quantity: number): RetailLine['kind'] {
  if (invoice.startsWith('C')) return 'cancellation';
  return quantity < 0 ? 'write-off' : 'order';
}

/** @param date has the file's format, d/m/yyyy. */
function isoDate(date: string): string {
  const [day = '', month = '', year = ''] = date.split('/');
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}
