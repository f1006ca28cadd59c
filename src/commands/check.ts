import { parseArgs } from 'node:util';
import { connectDatabase, readConnectionOptions } from '../connectDatabase.ts';
import { openDatabase } from '../database/openDatabase.ts';
import { createCancellationWindows } from '../order-items/cancellationWindows.ts';
import { checkItems } from '../order-items/checkItems.ts';
import { createLogger } from '../telemetry/logger.ts';
import { systemClock } from '../work/clock.ts';
import { readCommandConfig } from './commandConfig.ts';

const USAGE = `Checks whether the service can work with the database of DATABASE_URL, or the embedded one.

  npm run check

It makes the checks of a start, looks for values that the service does not understand, and cancels an item in a transaction
that it rolls back. It writes nothing and runs no migration.

Exit code: 0 if the service can cancel here, 1 if not.
`;

try {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h', default: false } } });
  if (values.help) process.stdout.write(USAGE);
  else process.exitCode = (await check()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** @returns whether the service can cancel. */
async function check(): Promise<boolean> {
  const config = { ...readCommandConfig(), migrateOnStart: false };
  await using opened = new AsyncDisposableStack();
  const database = await openDatabase(config);
  opened.defer(() => database.stop());
  const options = { ...readConnectionOptions(config), url: database.url };
  const connected = await connectDatabase(options, config, { logger: createLogger('silent') });
  opened.defer(() => connected.dataSource.destroy());
  process.stdout.write('The database, its migrations, columns and rights are in order.\n');
  const windows = createCancellationWindows(config.cancellationWindows);
  const { defects, remarks } = await checkItems(connected, windows.closedAt(systemClock.epochMs()));
  for (const sentence of [...defects, ...remarks]) process.stdout.write(`${sentence}\n`);
  return defects.length === 0;
}
