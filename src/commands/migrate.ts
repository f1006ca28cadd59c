import { readConfig } from '../config.ts';
import { createDataSource } from '../database/dataSource.ts';
import { migrateDown, migrateUp } from '../database/migrations.ts';
import { openDatabase } from '../database/openDatabase.ts';

const USAGE = `Migrates the database of DATABASE_URL, or the embedded one.

  npm run migrate              runs every migration that has not run yet
  npm run migrate -- down      takes the newest one back
`;

const [direction = 'up', ...rest] = process.argv.slice(2);
if (!['up', 'down'].includes(direction) || rest.length > 0) {
  process.stderr.write(USAGE);
  process.exitCode = 1;
} else {
  try {
    await migrate(direction);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function migrate(direction: string): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const database = await openDatabase(readConfig(process.env));
  opened.defer(() => database.stop());
  const dataSource = createDataSource({
    url: database.url,
    entities: [],
    poolSize: 2,
    lockTimeoutMs: 0,
    statementTimeoutMs: 0,
  });
  await dataSource.initialize();
  opened.defer(() => dataSource.destroy());
  const names = direction === 'up' ? await migrateUp(dataSource) : await migrateDown(dataSource);
  const done = direction === 'up' ? 'Ran' : 'Took back';
  process.stdout.write(names.length === 0 ? 'Nothing to do.\n' : `${done} ${names.join(', ')}.\n`);
}
