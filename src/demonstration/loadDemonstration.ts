import { type ImportCounts, importOrderItems } from '../import/importOrderItems.ts';
import { createDemonstrationItems } from './demonstrationItems.ts';
import { readRetailLines } from './retailLines.ts';

/** Imports the demonstration items. A second call changes nothing. */
export async function loadDemonstration(databaseUrl: string): Promise<ImportCounts> {
  const items = createDemonstrationItems(await readRetailLines());
  return importOrderItems(databaseUrl, items, {
    onRejected: ({ line, defect }) => {
      throw new Error(`Line ${line} of the demonstration data is no order item: ${defect}.`);
    },
  });
}
