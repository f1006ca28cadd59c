import { rm } from 'node:fs/promises';
import type { EmbeddedPostgres } from '../../src/embedded-postgres/embeddedPostgres.ts';

/** Stops the PostgreSQL of `startPostgres`. */
export default async function stopPostgres(): Promise<void> {
  const { testPostgres } = globalThis as unknown as {
    testPostgres: { postgres: EmbeddedPostgres; dataDir: string };
  };
  await testPostgres.postgres.stop();
  await rm(testPostgres.dataDir, { recursive: true });
}
