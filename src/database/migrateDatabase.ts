import { requireSupportedServer } from './checkServer.ts';
import { createDataSource } from './dataSource.ts';
import { type MigrationOptions, migrateDown, migrateUp } from './migrations.ts';

/**
 * Migrates a database over a separate connection without time limits.
 *
 * @param pooled whether a pooler answers. The role's time limits then apply.
 * @param direction `up` runs pending migrations, `down` reverts the newest one.
 * @param onLocked is called when a migration finds a table locked, and will run again.
 * @returns the names of the migrations that ran or were reverted.
 * @throws OperatorError that names an unsupported server, or an error of the database.
 */
export async function migrateDatabase(
  url: string,
  {
    direction = 'up',
    pooled = false,
    onLocked = () => undefined,
  }: Pick<MigrationOptions, 'onLocked'> & { readonly direction?: 'up' | 'down'; readonly pooled?: boolean } = {},
): Promise<string[]> {
  const limits = { lockTimeoutMs: 0, statementTimeoutMs: 0 };
  const dataSource = createDataSource({ url, entities: [], poolSize: 2, ...limits, pooled });
  await dataSource.initialize();
  try {
    await requireSupportedServer(dataSource);
    return await (direction === 'up' ? migrateUp : migrateDown)(dataSource, { onLocked });
  } finally {
    await dataSource.destroy();
  }
}
