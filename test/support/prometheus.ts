import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { DASHBOARD_FOLDER, readPrometheusConfig } from './dashboard.ts';
import { waitFor } from './waitFor.ts';

/** The path of Debian's Prometheus, if it is installed. */
export const PROMETHEUS = ['/usr/bin/prometheus'].find((file) => existsSync(file));

const PROMTOOL = '/usr/bin/promtool';

/** A result of an instant query. */
export interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface Prometheus {
  /** Runs an instant query. @throws the error of Prometheus. */
  readonly query: (expression: string) => Promise<readonly Found[]>;
  /** Returns the health of each rule. */
  readonly rules: () => Promise<readonly { readonly name: string; readonly health: string }[]>;
}

/** The targets and the interval of scrapes. */
export interface Scraping {
  /** Targets by job. Other jobs are not scraped. */
  readonly targets: Readonly<Record<string, string>>;
  readonly interval: string;
}

/** Starts a Prometheus with the project's configuration, but with these targets. The end of the test file stops it. */
export async function startPrometheus({ targets, interval }: Scraping): Promise<Prometheus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-prometheus-'));
  const config = readPrometheusConfig();
  for (const file of config.rule_files) await copyFile(path.join(DASHBOARD_FOLDER, file), path.join(folder, file));
  const file = path.join(folder, 'prometheus.yaml');
  const scrapes = config.scrape_configs.flatMap((scrape) => {
    const target = targets[scrape.job_name];
    return target === undefined ? [] : [{ ...scrape, static_configs: [{ targets: [target] }] }];
  });
  const global = {
    ...config.global,
    scrape_interval: interval,
    scrape_timeout: interval,
    evaluation_interval: interval,
  };
  await writeFile(file, stringify({ ...config, global, scrape_configs: scrapes }));
  const child = spawn(
    PROMETHEUS ?? '',
    [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, '--web.listen-address=127.0.0.1:0'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(child, 'close');
  afterAll(async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true });
  });
  const url = Promise.withResolvers<string>();
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    const address = /msg="Listening on" address=(\S+)/.exec(output)?.[1];
    if (address !== undefined) url.resolve(`http://${address}`);
  });
  void ended.then(() => {
    url.reject(new Error(`Prometheus ended:\n${output}`));
  });
  const api = `${await url.promise}/api/v1`;
  const query: Prometheus['query'] = async (expression) => {
    const { result } = await ask<{ result: Found[] }>(`${api}/query?query=${encodeURIComponent(expression)}`);
    return result;
  };
  // The first scrape starts some seconds after the web server.
  await waitFor(
    'a scrape of the service by Prometheus',
    async () => (await query('up == 1').catch(() => [])).length > 0,
    60_000,
  );
  return {
    query,
    rules: async () => {
      const { groups } = await ask<{ groups: { rules: { name: string; health: string }[] }[] }>(`${api}/rules`);
      return groups.flatMap(({ rules }) => rules);
    },
  };
}

/** Runs promtool in the folder of the dashboard. @returns its output. @throws its output if it fails. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(PROMTOOL, args, { cwd: DASHBOARD_FOLDER });
  return stdout;
}

async function ask<Data>(url: string): Promise<Data> {
  const answer = (await (await fetch(url)).json()) as { status: string; error?: string; data: Data };
  if (answer.status !== 'success') throw new Error(answer.error);
  return answer.data;
}
