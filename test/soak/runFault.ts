import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import { type Load, type LoadAccount, startLoad } from './load.ts';
import { addOrderItems, type Site } from './site.ts';

export interface FaultRun {
  /** How long the load runs before the fault and after it, in milliseconds. */
  readonly aroundMs: number;
  /** How many items there are to cancel. */
  readonly items: number;
}

export interface FaultResult extends LoadAccount {
  /** From the end of the fault to the first cancel that was begun after it and acknowledged, in milliseconds. */
  readonly recoveryMs: number;
}

/** Runs a load, lets something go wrong in the middle of it, and gives the account. */
export async function runFault(fault: Fault, site: Site, { aroundMs, items }: FaultRun): Promise<FaultResult> {
  const ids = await addOrderItems(site.cluster, items);
  const load = startLoad(
    site.instances.map(({ url }) => url),
    site.token,
    ids,
  );
  try {
    await sleep(aroundMs);
    const recoveryMs = await suffer(fault, site, load);
    await sleep(aroundMs);
    return { recoveryMs, ...(await load.stop(site.cluster)) };
  } finally {
    await load.abandon();
  }
}

/** Lets something go wrong under a load. @returns the time to recovery, in milliseconds. */
export async function suffer(fault: Fault, site: Site, load: Load): Promise<number> {
  const undo = await fault.inject(site);
  await sleep(fault.durationMs);
  await undo();
  return load.untilServed();
}
