import { createDataSource } from './dataSource.ts';
import { migrateDown, migrateUp } from './migrations.ts';

/**
 * Migrates a database over a connection of its own, without time limits: a migration takes as long as it takes.
 *
 * @param pooled whether a pooler stands between; then the role's time limits are kept.
 * @param direction `up` runs what has not run yet, `down` takes the newest back.
 * @returns the names of the migrations that ran or were taken back.
 */
export async function migrateDatabase(
  url: string,
  { direction = 'up', pooled = false }: { readonly direction?: 'up' | 'down'; readonly pooled?: boolean } = {},
): Promise<string[]> {
  const limits = { lockTimeoutMs: 0, statementTimeoutMs: 0 };
  const dataSource = createDataSource({ url, entities: [], poolSize: 2, ...limits, pooled });
  await dataSource.initialize().catch((error: unknown) => {
    // PgBouncer's words.
    const isPooler = Error.isError(error) && error.message.startsWith('unsupported startup parameter');
    throw isPooler
      ? new Error('Before the database is a pooler: set DATABASE_POOLING=transaction.', { cause: error })
      : error;
  });
  try {
    return await (direction === 'up' ? migrateUp(dataSource) : migrateDown(dataSource));
  } finally {
    await dataSource.destroy();
  }
}
