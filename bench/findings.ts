import type { Spread } from './measure.ts';
import type { ContenderName } from './processes.ts';
import type { ComparedName } from './workloads.ts';

/** The findings of a part of the benchmark. */
export interface Findings {
  /** The table for the terminal. */
  readonly text: string;
  /** The numbers for the results file. */
  readonly data: unknown;
  /** The lines for the chart. */
  readonly lines?: readonly Line[];
}

export type RivalName = ContenderName | 'pgbench';

/** A line of the table: one contender with one workload and one number of connections. */
export interface Line {
  readonly workload: ComparedName;
  readonly connections: number;
  readonly contender: RivalName;
  readonly perSecond: Spread;
  /** The service's throughput divided by this contender's, per round. Null if one of them did not run. */
  readonly serviceRatio: Spread | null;
  /** This and the following are medians. Null if the value cannot be measured. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Microseconds for each request: of the contender, and of PostgreSQL. */
  readonly cpuUs: number | null;
  readonly databaseCpuUs: number | null;
  readonly megabytes: number | null;
}
