import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import pg from 'pg';

/** The unit of processor times in `/proc` on Linux, see proc(5). */
const TICKS_PER_SECOND = 100;

/** Reads the processor time of a process, in seconds. Returns 0 on systems without `/proc`, such as macOS. */
export function readCpuSeconds(pid: number): number {
  const fields = readStat(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** Reads the processor time of all children of a process, including those that have ended. */
export function readChildrenCpuSeconds(pid: number): number {
  const fields = readStat(pid);
  const ended = (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) / TICKS_PER_SECOND;
  try {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
    const children = pids.filter((child) => Number(readStat(child)[1]) === pid);
    return children.reduce((sum, child) => sum + readCpuSeconds(child), ended);
  } catch {
    return 0;
  }
}

/** Reads the resident memory of a process, in MB. */
export function readMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1_024;
}

/** Reads the fields of `/proc/PID/stat` after the process name, which may contain spaces: state, parent, and so on. */
function readStat(pid: number): string[] {
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

/** The machine and the versions behind the results. */
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
