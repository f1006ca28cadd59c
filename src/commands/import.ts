import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { migrateDatabase } from '../database/migrateDatabase.ts';
import { explainDatabaseFailure } from '../database/databaseFailures.ts';
import { openDatabase } from '../database/openDatabase.ts';
import { type ImportCounts, importOrderItems } from '../import/importOrderItems.ts';
import { readRows } from '../import/readRows.ts';
import { readCommandConfig } from './commandConfig.ts';
import { showImportProgress } from './importProgress.ts';

const USAGE = `Imports order items into the database of DATABASE_URL, or the embedded one.

  npm run import -- FILE [--dry-run]

FILE is CSV with a header, or NDJSON; its columns are those of order_item. Of these id, order_id, product_id, price_amount
and price_currency are needed. New items are inserted, existing ones are updated; a cancelled item stays cancelled.
A bad line is reported on standard error as "line N: reason", and the rest goes in.

  --dry-run   does everything but write

Exit code: 0 if every line went in, 2 if some were rejected, 1 if nothing could be imported.
`;

/** The exit codes with which shells report a program that a signal ended. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
  });
  const [file, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
  } else if (file === undefined || rest.length > 0) {
    process.stderr.write(USAGE);
    process.exitCode = 1;
  } else {
    // npm consumes a flag before the `--` and passes it on in this variable.
    const dryRun = values['dry-run'] || process.env['npm_config_dry_run'] === 'true';
    const counts = await importFile(file, dryRun);
    process.stdout.write(describe(counts, dryRun));
    process.exitCode = counts.rejected > 0 ? 2 : 0;
  }
} catch (error) {
  process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function importFile(file: string, dryRun: boolean): Promise<ImportCounts> {
  await using opened = new AsyncDisposableStack();
  const progress = showImportProgress(process.stderr, await readFileSize(file));
  opened.defer(progress.stop);
  // Opening the file first reports an unusable file before a database starts for it.
  const rows = await readRows(file, progress.onRead);
  const config = readCommandConfig();
  const database = await openDatabase(config);
  opened.defer(() => database.stop());
  for (const [signal, exitCode] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.once(signal, () => {
      progress.stop();
      // The database rolls back the transaction when this process has ended.
      database.stopWithoutWaiting();
      process.exit(exitCode);
    });
  }
  try {
    await migrateDatabase(database.url, config);
    return await importOrderItems(database.url, rows, { dryRun, onRejected: progress.onRejected });
  } catch (error) {
    throw explainDatabaseFailure(error, database.url);
  }
}

/** Reads the size for the progress bar. An unreadable file fails later, with a message. */
async function readFileSize(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function describe(counts: ImportCounts, dryRun: boolean): string {
  return `${dryRun ? 'Dry run: nothing was written. It would be:\n' : ''}inserted: ${counts.inserted}
updated: ${counts.updated}
unchanged: ${counts.unchanged}
rejected: ${counts.rejected}
kept cancelled: ${counts.keptCancelled}
`;
}
