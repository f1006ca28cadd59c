import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../src/embedded-postgres/embeddedPostgres.ts';
import { measureComparison } from './compare.ts';
import type { Findings } from './findings.ts';
import { measureGrowth } from './growth.ts';
import { startIssuer } from './issuer.ts';
import type { World } from './measure.ts';
import { measureMemory } from './memory.ts';
import { HELP, type Options, parseOptions, type Part } from './options.ts';
import { installPackages } from './packages.ts';
import { startLoad } from './processes.ts';
import { writeReport } from './report.ts';
import { measureLock, measureP99 } from './tail.ts';
import { measureTraces } from './traces.ts';
import { describeMachine } from './usage.ts';
import { requireWrk } from './wrk.ts';

/*
 * Compares the service with other servers that answer the same requests from the same data. `npm run bench -- --help`
 * lists the options. The embedded PostgreSQL runs with its durable defaults: an acknowledged commit is on the disk. Every
 * contender is a process with one event loop. wrk sends the requests. The service runs as in production, but without the rate
 * limit, because one caller sends all the load.
 */

const MEASUREMENTS: Record<Part, (world: World) => Promise<Findings>> = {
  compare: measureComparison,
  growth: measureGrowth,
  p99: measureP99,
  lock: measureLock,
  memory: measureMemory,
  traces: measureTraces,
};

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  requireWrk();
  await installPackages();
  signal.throwIfAborted();
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-bench-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres({ dataDir: folder, settings: { max_connections: '300' } });
  opened.defer(() => postgres.stop());
  process.on('exit', postgres.stopWithoutWaiting);
  opened.defer(() => void process.off('exit', postgres.stopWithoutWaiting));
  const issuer = await startIssuer();
  opened.defer(issuer.stop);
  const load = startLoad();
  opened.defer(() => load.stop());
  // An interrupt makes the current measurement fail, and the stack then releases everything.
  signal.addEventListener('abort', () => {
    void load.stop();
    postgres.stopWithoutWaiting();
  });
  signal.throwIfAborted();

  const postmaster = await readFile(path.join(folder, 'postgres/postmaster.pid'), 'utf8');
  const world: World = { options, folder, postgres, postmasterPid: parseInt(postmaster), issuer, load, signal };
  const machine = await describeMachine(postgres.url);
  for (const part of options.parts) {
    const findings = await MEASUREMENTS[part](world);
    process.stdout.write(findings.text);
    await writeReport(part, findings, { machine, options });
  }
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted.abort(new Error('The benchmark was interrupted.'));
  });
}
try {
  const options = readOptions();
  if (options !== null) await bench(options, interrupted.signal);
} catch (error) {
  const cause: unknown = interrupted.signal.aborted ? interrupted.signal.reason : error;
  process.stderr.write(`${Error.isError(cause) ? (cause.stack ?? cause.message) : String(cause)}\n`);
  process.exitCode = 1;
}

/** Returns null after printing the help, which `--help` or a wrong option requires. */
function readOptions(): Options | null {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === null) process.stdout.write(HELP);
    return options;
  } catch (error) {
    process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n\n${HELP}`);
    process.exitCode = 1;
    return null;
  }
}
