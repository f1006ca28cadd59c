import { startEmbeddedPostgres } from '../embedded-postgres/embeddedPostgres.ts';

/** Where the data is. */
export interface Database {
  readonly url: string;
  /** Whether it is the PostgreSQL that this project brings along. */
  readonly embedded: boolean;
  /** Leaves it: an embedded one stops with the last who uses it. */
  readonly stop: () => Promise<void>;
  /** Stops an embedded one without waiting, whoever else uses it. */
  readonly stopWithoutWaiting: () => void;
}

/** Opens the database that is configured, or an embedded one in the data directory where none is. */
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
