import type { Spread } from './measure.ts';
import type { ContenderName } from './processes.ts';
import type { ComparedName } from './workloads.ts';

/** What a part of the benchmark found. */
export interface Findings {
  /** For the terminal. */
  readonly text: string;
  /** For the file. */
  readonly data: unknown;
  /** For the chart. */
  readonly lines?: readonly Line[];
}

export type RivalName = ContenderName | 'pgbench';

/** One line of the table: a contender at one workload with one number of connections. */
export interface Line {
  readonly workload: ComparedName;
  readonly connections: number;
  readonly contender: RivalName;
  readonly perSecond: Spread;
  /** The service's throughput divided by this contender's, round by round; null where one of them did not run. */
  readonly serviceRatio: Spread | null;
  /** Medians. Null where it cannot be told. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly cores: number | null;
  readonly databaseCores: number | null;
  readonly loadCores: number | null;
  readonly megabytes: number | null;
}
