import { parseArgs } from 'node:util';
import { migrateDatabase } from '../database/migrateDatabase.ts';
import { explainDatabaseFailure } from '../database/databaseFailures.ts';
import { openDatabase } from '../database/openDatabase.ts';
import { readCommandConfig } from './commandConfig.ts';

const USAGE = `Migrates the database of DATABASE_URL, or the embedded one.

  npm run migrate              runs every migration that has not run yet
  npm run migrate -- down      reverts the newest one, with everything that it created

A migration that finds a table locked by another transaction runs again every two seconds, for about ten minutes. Instances and
commands that migrate at the same time take turns.

Exit code: 0 if the database is migrated, 1 if not. Migrations that have run stay, so running the command again is safe.
`;

type Direction = 'up' | 'down';

try {
  const request = readArguments();
  if (request === 'help') process.stdout.write(USAGE);
  else await migrate(request);
} catch (error) {
  process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** @throws Error with the usage if the arguments are not those of the command. */
function readArguments(): Direction | 'help' {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h', default: false } },
    });
    const [direction = 'up', ...rest] = positionals;
    if (values.help) return 'help';
    if (direction !== 'up' && direction !== 'down') throw new Error(`Unknown argument '${direction}'.`);
    if (rest.length > 0) throw new Error(`Unknown argument '${rest.join(' ')}'.`);
    return direction;
  } catch (error) {
    throw new Error(`${Error.isError(error) ? error.message : String(error)}\n\n${USAGE.trimEnd()}`, { cause: error });
  }
}

function reportLocked(): void {
  process.stderr.write('Another transaction has locked a table. The migration runs again in two seconds.\n');
}

async function migrate(direction: Direction): Promise<void> {
  const config = readCommandConfig();
  const database = await openDatabase(config);
  try {
    const names = await migrateDatabase(database.url, { direction, pooled: config.pooled, onLocked: reportLocked });
    const done = direction === 'up' ? 'Ran' : 'Took back';
    process.stdout.write(names.length === 0 ? 'Nothing to do.\n' : `${done} ${names.join(', ')}.\n`);
  } catch (error) {
    throw explainDatabaseFailure(error, database.url);
  } finally {
    await database.stop();
  }
}
