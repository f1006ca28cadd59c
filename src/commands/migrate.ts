import { migrateDatabase } from '../database/migrateDatabase.ts';
import { explainDatabaseFailure } from '../database/databaseFailures.ts';
import { openDatabase } from '../database/openDatabase.ts';
import { readCommandConfig } from './commandConfig.ts';

const USAGE = `Migrates the database of DATABASE_URL, or the embedded one.

  npm run migrate              runs every migration that has not run yet
  npm run migrate -- down      takes the newest one back
`;

const [direction = 'up', ...rest] = process.argv.slice(2);
if ((direction === 'up' || direction === 'down') && rest.length === 0) {
  await migrate(direction).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write(USAGE);
  process.exitCode = 1;
}

function reportLocked(): void {
  process.stderr.write('Another transaction has locked a table. The migration runs again in two seconds.\n');
}

async function migrate(direction: 'up' | 'down'): Promise<void> {
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
