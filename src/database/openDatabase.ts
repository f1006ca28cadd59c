import { startEmbeddedPostgres } from '../embedded-postgres/embeddedPostgres.ts';

/** The database that the service uses. */
export interface Database {
  readonly url: string;
  /** Whether it is the embedded PostgreSQL. */
  readonly embedded: boolean;
  /** Leaves the database. An embedded one stops when its last user leaves. */
  readonly stop: () => Promise<void>;
  /** Stops an embedded database without waiting, even if others use it. */
  readonly stopWithoutWaiting: () => void;
}

/** Opens the configured database, or an embedded one in the data directory. */
export async function openDatabase({
  databaseUrl,
  dataDir,
}: {
  readonly databaseUrl: string | null;
  readonly dataDir: string;
}): Promise<Database> {
  if (databaseUrl !== null) {
    return { url: databaseUrl, embedded: false, stop: () => Promise.resolve(), stopWithoutWaiting: () => undefined };
  }
  return { ...(await startEmbeddedPostgres({ dataDir })), embedded: true };
}
