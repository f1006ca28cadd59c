import { parseArgs } from 'node:util';
import { CONTENDERS, type ContenderName } from './processes.ts';
import { COMPARED, type ComparedName } from './workloads.ts';

const PARTS = ['compare', 'growth', 'p99', 'lock', 'memory', 'traces'] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly parts: readonly Part[];
  readonly workloads: readonly ComparedName[];
  readonly contenders: readonly ContenderName[];
  /** Null compares each workload at its own numbers. */
  readonly connections: readonly number[] | null;
  readonly rounds: number;
  readonly seconds: number;
  readonly items: number;
  /** Numbers of items for the part `growth`. */
  readonly sizes: readonly number[];
  /** How long the part `memory` runs. */
  readonly minutes: number;
  /** The path of the results, without their extensions. */
  readonly output: string;
}

export const HELP = `npm run bench -- [options]

  --quick                 a first look in about two minutes; writes results-quick.*
  --rounds N              turns of each contender (3)
  --seconds N             duration of a turn (3)
  --only A,B              of the workloads ${Object.keys(COMPARED).join(', ')}
  --contenders A,B        of ${CONTENDERS.join(', ')}
  --connections A,B       (by default those of each workload, of 1, 32 and 128)
  --items N               items in the database (100000)
  --output PATH           path of the results, without .json, .md and .svg (bench/results)

Parts (by default --compare):
  --compare               the contenders
  --growth                the service with --sizes 100000,1000000,10000000 items, and bulk cancels of 1, 10 and 100
  --p99                   the service's latency at 80 % of its peak throughput
  --lock                  cancels of other items while one item is locked
  --memory [MINUTES]      the service's memory under load (10)
  --traces                the service with and without tracing
`;

/**
 * Parses the command line. Returns null for `--help`.
 *
 * @throws Error for unknown options and invalid values.
 */
export function parseOptions(argv: readonly string[]): Options | null {
  // parseArgs knows no optional values, so a bare `--memory` gets its default here.
  const args = argv.flatMap((arg, i) => (arg === '--memory' && !/^\d/.test(argv[i + 1] ?? '') ? [arg, '10'] : [arg]));
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      contenders: { type: 'string' },
      connections: { type: 'string' },
      items: { type: 'string', default: '100000' },
      sizes: { type: 'string', default: '100000,1000000,10000000' },
      output: { type: 'string' },
      compare: { type: 'boolean' },
      growth: { type: 'boolean' },
      p99: { type: 'boolean' },
      lock: { type: 'boolean' },
      memory: { type: 'string' },
      traces: { type: 'boolean' },
    },
  });
  if (values.help === true) return null;
  const { quick } = values;
  const named = PARTS.filter((part) => values[part] !== undefined);
  return {
    parts: named.length === 0 ? ['compare'] : named,
    workloads: parseNames('only', values.only, Object.keys(COMPARED) as ComparedName[]),
    contenders: parseNames('contenders', values.contenders, CONTENDERS),
    connections: values.connections === undefined ? null : parseNumbers('connections', values.connections),
    rounds: parseNumber('rounds', values.rounds ?? (quick ? '1' : '3')),
    seconds: parseNumber('seconds', values.seconds ?? (quick ? '1' : '3')),
    items: parseNumber('items', values.items),
    sizes: parseNumbers('sizes', values.sizes),
    minutes: parseNumber('memory', values.memory ?? '10'),
    output: values.output ?? `${import.meta.dirname}/results${quick ? '-quick' : ''}`,
  };
}

function parseNames<T extends string>(option: string, given: string | undefined, all: readonly T[]): readonly T[] {
  if (given === undefined) return all;
  const names = given.split(',');
  const unknown = names.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`--${option}: ${unknown} is not one of ${all.join(', ')}`);
  return all.filter((name) => names.includes(name));
}

function parseNumbers(option: string, given: string): number[] {
  return given.split(',').map((text) => parseNumber(option, text));
}

function parseNumber(option: string, given: string): number {
  const value = Number(given);
  if (!(value > 0)) throw new Error(`--${option}: ${given} is not a number greater than 0`);
  return value;
}
