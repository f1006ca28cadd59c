import { v7 as uuidv7 } from 'uuid';
import { type ImportCounts, importOrderItems } from '../import/importOrderItems.ts';
import { cancelInTransaction, type OrderItemDatabase } from '../order-items/cancelTransaction.ts';
import { systemClock } from '../work/clock.ts';
import { createDemonstrationCancellations } from './demonstrationCancellations.ts';
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

/**
 * Cancels demonstration items, whole and in part, in one transaction and as both doors do. A second call changes nothing.
 *
 * @returns the number of cancels that were accepted, now or by an earlier call.
 */
export async function cancelDemonstrationItems(database: OrderItemDatabase): Promise<number> {
  const requests = createDemonstrationCancellations(await readRetailLines());
  const attempts = await cancelInTransaction(database, requests, uuidv7, systemClock);
  // Another start that has locked the items cancels them.
  return attempts.filter((attempt) => attempt.state === 'done' && attempt.value[0]?.code === 'CANCELLED').length;
}
