import type { DataSource } from 'typeorm';
import { type Clock, sleep, systemClock } from '../work/clock.ts';
import { createDataSource, type DataSourceOptions } from './dataSource.ts';

/** Connections to standbys. Some of the standbys can be unreachable. */
export interface Standbys extends AsyncDisposable {
  readonly dataSources: readonly DataSource[];
}

const RETRY_MS = 1_000;

/**
 * Connects to standbys in the background, so that a start does not wait for them. It retries an unreachable standby once a
 * second. The data source of a standby is initialized once it is connected.
 *
 * @param urls name one server each.
 * @param report is called with the first failure of each standby.
 */
export function openStandbys(
  urls: readonly string[],
  options: Omit<DataSourceOptions, 'url'>,
  report: (error: unknown) => void,
  clock: Clock = systemClock,
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
        await sleep(clock, RETRY_MS, closing.signal).catch(() => undefined);
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
