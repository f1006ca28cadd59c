import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import path from 'node:path';
import { connectNodes } from './support/citus.ts';
import { startInstalledPostgres } from './support/installedPostgres.ts';

/*
 * Runs the contract and integration tests on tables that Citus has distributed: `npm run test:citus`. CITUS_URL names a database of
 * the coordinator, as a superuser. `-- --local` starts three nodes of the installed PostgreSQL instead. Further arguments go to
 * Jest.
 */

/** The files that cannot pass, with the reason. */
const LEFT_OUT_FILES: Readonly<Record<string, string>> = {
  'import|importCustomers|importTransaction|replay|demonstrationCancels':
    'The import locks the rows of several shards in one statement.',
  'cancellationIndexes|indexes|plans|windowIndexes':
    'They read the plans of PostgreSQL. Those of Citus have other nodes.',
  'cancelHistories|cancelHistories.slow': 'An INSERT … SELECT runs on the coordinator, which loses the SQLSTATE.',
  soakAccount: 'The soak runs on one server.',
  startChecks: 'Citus 13.0 has no grants on columns.',
  'customerColumn|othersSchemaChanges|othersMigrations.slow':
    'Citus does not propagate all of these changes, and distributes no views.',
  'databaseRights|databaseSettings|liveMigrations|migrations|ownDatabase|ownStates':
    'They create their own tables, which are not distributed.',
  'events|eventFeed|eventFeedWait|eventLog|eventRetention|numberEvents|pruneEvents|webhooks|webhookMetrics|webhookTurns':
    'Events have no positions on Citus.',
  'dashboard|dockerCompose|issuer|listen|openIdProvider': 'They use no items.',
};

/** The tests of other files that cannot pass, with the reason. */
const LEFT_OUT_TESTS: Readonly<Record<string, string>> = {
  'of one item does not wait for a bulk that is running': 'Its trigger waits for a lock that is on the coordinator.',
  'is retried after a deadlock without the caller noticing': 'Its trigger uses a table that is on the coordinator.',
  'cancels that a batch has committed get 200 although the connection is lost':
    'The reads of a cancel are before its commit.',
  'an index serves': 'It reads the plans of PostgreSQL.',
  'that match so rarely that finding them takes too long': 'Citus distributes no views.',
  'of Query.cancellations .*order-items:read:own|finds cancellations by what they show':
    'Citus does not run the subquery for the items of a customer.',
  'are filtered by (an order|an unknown order|several of them)':
    'Citus does not run the subquery for the items of an order.',
  'cancels of orders and of their items at once take each unit once':
    'Citus does not run the subquery of its last check.',
  'a retry without a key is refused, because the item is already cancelled': 'A cancel is several statements.',
  'is one trace through each door: request, batch and statements': 'A cancel is several statements.',
  'each statement has one plan, whatever the instant': 'Citus plans most statements each time.',
  'does not let others record the same units once more':
    'Its INSERT … SELECT runs on the coordinator, which loses the SQLSTATE.',
  'with a transaction has a span per statement': 'The statements have other names.',
};

const NODE_SETTINGS = [
  'shared_preload_libraries=citus',
  'citus.node_conninfo=sslmode=disable',
  'max_connections=300',
  'fsync=off',
  'timezone=UTC',
];

/** Starts a coordinator and two workers on this machine. @returns the coordinator's URL. */
async function startNodes(opened: AsyncDisposableStack): Promise<string> {
  const library = globSync('/usr/lib/postgresql/*/lib/citus.so').sort().at(-1);
  if (library === undefined) throw new Error('Citus is not installed in /usr/lib/postgresql. Set CITUS_URL instead.');
  const programs = path.join(library, '../../bin');
  const urls: string[] = [];
  for (let node = 0; node < 3; node += 1) {
    urls.push(opened.use(await startInstalledPostgres(programs, NODE_SETTINGS)).url('postgres'));
  }
  await connectNodes(urls);
  return urls[0] ?? '';
}

/** @returns the exit code of Jest. */
async function runTests(citusUrl: string, args: readonly string[]): Promise<number | null> {
  const files = args.some((arg) => arg.includes('test/')) ? [] : ['/test/(contract|integration)/'];
  const child = spawn(
    'npm',
    [
      ...['run', '--silent', 'jest', '--', '--maxWorkers=2', ...args, ...files],
      `--testPathIgnorePatterns=/(${Object.keys(LEFT_OUT_FILES).join('|')})\\.test`,
      `--testNamePattern=^(?!.*(${Object.keys(LEFT_OUT_TESTS).join('|')}))`,
    ],
    { cwd: path.join(import.meta.dirname, '..'), stdio: 'inherit', env: { ...process.env, CITUS_URL: citusUrl } },
  );
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

const args = process.argv.slice(2);
const isLocal = args.includes('--local');
const { CITUS_URL: given } = process.env;
if (given === undefined && !isLocal) {
  process.stderr.write('Set CITUS_URL to the URL of a coordinator of Citus, or use npm run test:citus -- --local.\n');
  process.exitCode = 1;
} else {
  await using opened = new AsyncDisposableStack();
  const citusUrl = isLocal || given === undefined ? await startNodes(opened) : given;
  process.exitCode =
    (await runTests(
      citusUrl,
      args.filter((arg) => arg !== '--local'),
    )) ?? 1;
}
