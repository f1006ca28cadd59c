import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { migrateDatabase } from '../database/migrateDatabase.ts';
import { explainDatabaseFailure } from '../database/databaseFailures.ts';
import { openDatabase } from '../database/openDatabase.ts';
import { type ImportCounts, importOrderItems, type ImportOptions, ImportStopped } from '../import/importOrderItems.ts';
import { type NameOptions, parseColumnMap } from '../import/columns.ts';
import { readRows } from '../import/readRows.ts';
import { DATE_FORMATS, isDateFormat, type ValueFormats } from '../import/valueFormats.ts';
import { readCommandConfig } from './commandConfig.ts';
import { showImportProgress } from './importProgress.ts';

const USAGE = `Imports order items into the database of DATABASE_URL, or the embedded one.

  npm run import -- FILE [--dry-run] [options]

FILE is CSV with a header, or NDJSON. - is standard input. Its columns are those of order_item. The file must have id, order_id,
product_id, price_amount and price_currency. The import inserts new items and updates known ones. A cancelled item stays
cancelled. It reports each bad line on standard error as "line N: reason" and imports the others.

It recognizes gzip, UTF-16, semicolons or tabs between columns, lines that end with CR, and column names in any case, and
reports what it recognized on standard error.

  --dry-run                        reports what would change, writes nothing, and locks nothing
  --atomic                         all rows or none. Cancels of changed items can wait until the import ends
  --map id=uuid,order_id=Order     columns with other names in the file
  --ignore-unknown                 leaves other columns out
  --decimal-comma                  amounts are written as 12,50
  --date-format DD.MM.YYYY         dates are written in this form. Others: ${DATE_FORMATS.slice(2).join(', ')}

The import commits the rows in chunks, so that no cancel waits for long. An import that stops reports how many rows are in. Running
it again is safe.

Exit code: 0 if every line went in, 2 if some were rejected, 1 if the import stopped or nothing could be imported.
`;

const ATOMIC_NOTICE =
  'The import is one transaction (--atomic, or DATABASE_POOLING=transaction), so cancels of changed items can wait until it ends.';

/** The exit codes with which shells report a program that a signal ended. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      atomic: { type: 'boolean', default: false },
      map: { type: 'string' },
      'ignore-unknown': { type: 'boolean', default: false },
      'decimal-comma': { type: 'boolean', default: false },
      'date-format': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
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
    const dateFormat = values['date-format'];
    if (dateFormat !== undefined && !isDateFormat(dateFormat)) {
      throw new Error(`--date-format takes ${DATE_FORMATS.join(', ')}.`);
    }
    const counts = await importFile(file, {
      mode: dryRun ? 'dry run' : values.atomic ? 'atomic' : 'chunks',
      names: {
        ...(values.map === undefined ? {} : { map: parseColumnMap(values.map) }),
        ignoreUnknown: values['ignore-unknown'],
      },
      formats: { decimalComma: values['decimal-comma'], ...(dateFormat === undefined ? {} : { dateFormat }) },
    });
    process.stdout.write(`${dryRun ? 'Dry run: nothing was written. It would be:\n' : ''}${describe(counts)}`);
    process.exitCode = counts.rejected > 0 ? 2 : 0;
  }
} catch (error) {
  if (error instanceof ImportStopped) process.stdout.write(describe(error.counts));
  process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

interface FileOptions {
  readonly mode: NonNullable<ImportOptions['mode']>;
  readonly names: NameOptions;
  readonly formats: ValueFormats;
}

async function importFile(file: string, { mode: wanted, names, formats }: FileOptions): Promise<ImportCounts> {
  await using opened = new AsyncDisposableStack();
  const progress = showImportProgress(process.stderr, await readFileSize(file));
  opened.defer(progress.stop);
  // Opening the file first reports an unusable file before a database starts for it.
  const rows = await readRows(file, progress.onRead, { ...names, onGuess: progress.onGuess });
  const config = readCommandConfig();
  const mode = wanted === 'chunks' && config.pooled ? 'atomic' : wanted;
  if (mode === 'atomic') progress.onGuess(ATOMIC_NOTICE);
  const database = await openDatabase(config);
  opened.defer(() => database.stop());
  const stopping = new AbortController();
  let isMerging = false;
  for (const [signal, exitCode] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.on(signal, () => {
      if (isMerging && mode === 'chunks' && !stopping.signal.aborted) {
        stopping.abort(new Error(`${signal} arrived.`));
        return;
      }
      progress.stop();
      // The database rolls back the transaction when this process has ended.
      database.stopWithoutWaiting();
      process.exit(exitCode);
    });
  }
  const onMerging = (): void => {
    isMerging = true;
  };
  try {
    await migrateDatabase(database.url, config);
    const options = { mode, formats, onRejected: progress.onRejected, onMerging, signal: stopping.signal };
    return await importOrderItems(database.url, rows, options);
  } catch (error) {
    throw error instanceof ImportStopped ? error : explainDatabaseFailure(error, database.url);
  }
}

/** Reads the size for the progress bar. An unreadable file fails later, with a message. Standard input has none. */
async function readFileSize(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function describe(counts: ImportCounts): string {
  return `inserted: ${counts.inserted}
updated: ${counts.updated}
unchanged: ${counts.unchanged}
rejected: ${counts.rejected}
kept cancelled: ${counts.keptCancelled}
`;
}
