import { createDataSource } from './dataSource.ts';
import { migrateDown, migrateUp } from './migrations.ts';

/**
 * Migrates a database over a connection of its own, without time limits: a migration takes as long as it takes.
 *
 * @param direction `up` runs what has not run yet, `down` takes the newest back.
 * @returns the names of the migrations that ran or were taken back.
 */
export async function migrateDatabase(url: string, direction: 'up' | 'down' = 'up'): Promise<string[]> {
  const dataSource = createDataSource({ url, entities: [], poolSize: 2, lockTimeoutMs: 0, statementTimeoutMs: 0 });
  await dataSource.initialize();
  try {
    return await (direction === 'up' ? migrateUp(dataSource) : migrateDown(dataSource));
  } finally {
    await dataSource.destroy();
  }
}
