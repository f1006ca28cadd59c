import { type ImportCounts, importOrderItems } from '../import/importOrderItems.ts';
import { createDemonstrationItems } from './demonstrationItems.ts';
import { readRetailLines } from './retailLines.ts';

/** Imports the demonstration items. A second call changes nothing. */
export async function loadDemonstration(databaseUrl: string): Promise<ImportCounts> {
  const items = createDemonstrationItems(await readRetailLines());
  return importOrderItems(databaseUrl, items, {
    // An interrupted start leaves no half of the data.
    mode: 'atomic',
    onRejected: ({ line, defect }) => {
      throw new Error(`Line ${line} of the demonstration data is no order item: ${defect}.`);
    },
  });
}
