import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from '../../src/embedded-postgres/postgresProcesses.ts';

/** The folder of a PostgreSQL that the machine has with its client programs, or undefined. */
export const INSTALLED_POSTGRES = globSync('/usr/lib/postgresql/*/bin/pg_dump')
  .sort()
  .map((program) => path.dirname(program))
  .at(-1);

const NOBODY = 65_534;

/** A server of the machine's own PostgreSQL. */
export interface InstalledPostgres extends AsyncDisposable {
  readonly url: (database: string) => string;
  /** Runs a shell command whose PATH begins with PostgreSQL's programs. */
  readonly run: (command: string, environment?: Readonly<Record<string, string>>) => Promise<string>;
}

/**
 * Starts a server in a temporary folder. PostgreSQL refuses to run as root, so root runs it as `nobody`.
 *
 * @param settings of the server, such as `fsync=off`.
 */
export async function startInstalledPostgres(
  programs: string,
  settings: readonly string[] = [],
): Promise<InstalledPostgres> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-installed-'));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  else await chmod(folder, 0o700);
  const run = async (command: string, environment?: Readonly<Record<string, string>>): Promise<string> => {
    const user = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
    const [program, ...args] = [...user, 'sh', '-c', command];
    const { stdout } = await promisify(execFile)(program, args, {
      cwd: folder,
      env: { ...environment, PATH: `${programs}:${process.env['PATH'] ?? ''}`, LC_ALL: 'C', TZ: 'UTC' },
    });
    return stdout;
  };
  const port = await findFreePort();
  await run('initdb --pgdata=cluster --username=postgres --auth=trust --encoding=UTF8 --locale=C');
  const options = [`port=${port}`, 'listen_addresses=127.0.0.1', "unix_socket_directories=''", ...settings];
  await run(
    `pg_ctl start --wait --pgdata=cluster --log=log --options="${options.map((option) => `-c ${option}`).join(' ')}"`,
  );
  return {
    url: (database) => `postgres://postgres@127.0.0.1:${port}/${database}`,
    run,
    [Symbol.asyncDispose]: async () => {
      await run('pg_ctl stop --pgdata=cluster --mode=fast');
      await rm(folder, { recursive: true });
    },
  };
}
