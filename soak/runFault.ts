import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import { type Load, type LoadAccount, type LoadSize, startLoad } from './load.ts';
import type { Site } from './site.ts';
import { addStock } from './stock.ts';

export interface FaultRun {
  /** How long the load runs before the fault and after it. */
  readonly aroundMs: number;
  /** The load goes on until the service has acknowledged so many cancels: half of them before the fault, all by the end. */
  readonly minAcknowledged?: number;
  /** The number of items to cancel, half of them in orders. */
  readonly items: number;
  readonly load?: LoadSize;
}

export interface Recovery {
  /** The answers of the probes meanwhile. `none` means no answer. */
  readonly ready: ReadonlySet<string>;
  readonly live: ReadonlySet<string>;
  /** The time from the end of the fault to the first acknowledged cancel that began after it. */
  readonly recoveryMs: number;
}

export interface FaultResult extends LoadAccount, Recovery {}

/** The interval of the probes. */
const PROBE_MS = 100;

/** Runs a load, injects a fault in the middle, and returns the account. */
export async function runFault(
  fault: Fault,
  site: Site,
  { aroundMs, minAcknowledged = 0, items, load: size = {} }: FaultRun,
): Promise<FaultResult> {
  const stock = await addStock(site.cluster, items);
  const load = startLoad(
    site.instances.map(({ url }) => url),
    site.token,
    stock,
    size,
  );
  try {
    await sleep(aroundMs);
    await load.untilAcknowledged(minAcknowledged / 2);
    const recovery = await runUnderFault(fault, site, load);
    await sleep(aroundMs);
    await load.untilAcknowledged(minAcknowledged);
    return { ...recovery, ...(await load.stop(site.cluster)) };
  } finally {
    await load.stopWithoutWaiting();
  }
}

/** Injects a fault under load, and waits until cancels are served again. */
export async function runUnderFault(fault: Fault, site: Site, load: Load): Promise<Recovery> {
  const probes = askProbes(site.instances[1].url);
  try {
    const undo = await fault.inject(site);
    await sleep(fault.durationMs);
    await undo();
    return { recoveryMs: await load.untilServed(), ...probes };
  } finally {
    await probes.stop();
  }
}

function askProbes(url: string): Omit<Recovery, 'recoveryMs'> & { readonly stop: () => Promise<void> } {
  const [ready, live] = [new Set<string>(), new Set<string>()];
  let running = true;
  const ask = async (path: string, answers: Set<string>): Promise<void> => {
    while (running) {
      const answer = await fetch(url + path).then(
        ({ status }) => String(status),
        () => 'none',
      );
      answers.add(answer);
      await sleep(PROBE_MS);
    }
  };
  const asking = Promise.all([ask('/health/ready', ready), ask('/health/live', live)]);
  return {
    ready,
    live,
    stop: async () => {
      running = false;
      await asking;
    },
  };
}
