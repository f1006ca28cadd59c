import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import pg from 'pg';

/** Of Linux, for every process. */
const TICKS_PER_SECOND = 100;

/** The processor time that a process has used so far, in seconds; 0 where the system does not tell (macOS). */
export function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** The same of all of a process's children, those that have ended and were waited for included. */
export function childrenCpuSecondsOf(pid: number): number {
  const fields = statOf(pid);
  const ended = (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) / TICKS_PER_SECOND;
  try {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    const children = pids.filter((child) => Number(statOf(child)[1]) === pid);
    return children.reduce((sum, child) => sum + cpuSecondsOf(child), ended);
  } catch {
    return 0;
  }
}

/** The memory of a process, in MB. */
export function megabytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1_024;
}

/** What stands behind the name of the process, which may hold spaces: state, parent, ... */
function statOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Where the numbers come from. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly node: string;
  readonly postgres: string;
}

export async function describeMachine(serverUrl: string): Promise<Machine> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version').finally(() => client.end());
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    node: process.version,
    postgres: rows[0]?.server_version ?? 'unknown',
  };
}
