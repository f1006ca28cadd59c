import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, startLoad } from './faultLoad.ts';
import type { Fault } from './faults.ts';
import type { Site } from './site.ts';

export interface FaultRun {
  /** How long the load runs before the fault and after it, in milliseconds. */
  readonly aroundMs: number;
  /** How many items there are to cancel. */
  readonly items: number;
}

export interface FaultResult extends Account {
  /** From the end of the fault to the first cancel that was begun after it and acknowledged, in milliseconds. */
  readonly recoveryMs: number;
}

/** Runs a load, lets something go wrong in the middle of it, and gives the account. */
export async function runFault(fault: Fault, site: Site, { aroundMs, items }: FaultRun): Promise<FaultResult> {
  const rows = await site.query<{ id: string }>(
    `INSERT INTO order_item (id, order_id, product_id, status, is_pre_order, quantity, price_amount, price_currency,
       version, created_at, updated_at)
     SELECT gen_random_uuid(), 'order-1', 'product-1', 'pending', true, 1, 9.99, 'GBP', 1, now(), now()
     FROM generate_series(1, $1) RETURNING id`,
    [items],
  );
  const load = startLoad(
    site.instances.map(({ url }) => url),
    site.token,
    rows.map(({ id }) => id),
  );
  await sleep(aroundMs);
  const undo = await fault.inject(site);
  await sleep(fault.durationMs);
  await undo();
  const recoveryMs = await load.untilServed();
  await sleep(aroundMs);
  const database = await site.connect();
  try {
    return { recoveryMs, ...(await load.stop(database)) };
  } finally {
    await database.end();
  }
}
