import { type ImportCounts, importOrderItems } from '../import/importOrderItems.ts';
import { demonstrationItems } from './demonstrationItems.ts';
import { readRetailLines } from './retailLines.ts';

/** Fills the database with the demonstration items, as an import of a file would: loading them twice changes nothing. */
export async function loadDemonstration(databaseUrl: string): Promise<ImportCounts> {
  const items = demonstrationItems(await readRetailLines());
  return importOrderItems(databaseUrl, items, {
    onRejected: ({ line, defect }) => {
      throw new Error(`Line ${line} of the demonstration data is no order item: ${defect}.`);
    },
  });
}
