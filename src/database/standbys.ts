import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { createDataSource, type DataSourceOptions } from './dataSource.ts';

/** Connections to standbys, of which some may not be there. */
export interface Standbys extends AsyncDisposable {
  readonly dataSources: readonly DataSource[];
}

const RETRY_MS = 1_000;

/**
 * Connects to standbys. A start does not wait for them: one that cannot be reached is tried again once a second, and until
 * then its data source is not initialized.
 *
 * @param urls of one server each.
 * @param report told when one cannot be reached, the first time.
 */
export function openStandbys(
  urls: readonly string[],
  options: Omit<DataSourceOptions, 'url'>,
  report: (error: unknown) => void,
): Standbys {
  const dataSources = urls.map((url) => createDataSource({ ...options, url }));
  const closing = new AbortController();
  const connections = dataSources.map(async (dataSource) => {
    for (let attempt = 1; !closing.signal.aborted; attempt += 1) {
      try {
        await dataSource.initialize();
        return;
      } catch (error) {
        if (attempt === 1) report(error);
        await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  });
  return {
    dataSources,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await Promise.all(connections);
      for (const dataSource of dataSources) if (dataSource.isInitialized) await dataSource.destroy();
    },
  };
}
