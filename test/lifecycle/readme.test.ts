import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const readme = await readFile(path.join(ROOT, 'README.md'), 'utf8');
const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-readme-'));
afterAll(async () => {
  await killServiceProcesses();
  await rm(dataDir, { recursive: true });
});

/** What differs from run to run. */
const CHANGING: ReadonlySet<string> = new Set(['cancelledAt', 'requestId', 'cancelled_at', 'request_id']);

function parse(json: string): unknown {
  return JSON.parse(json, (name, value: unknown) => (CHANGING.has(name) ? typeof value : value));
}

test('README’s first two commands set up and run, and set up and test', () => {
  const commands = [...readme.matchAll(/```sh\n(.+?)\n```/gs)].map(([, command]) => command);
  expect(commands.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
});

/** Pastes the commands that ask at an address, and compares what they print. @returns how many there are. */
async function paste(documentedUrl: string, url: string): Promise<number> {
  const examples = [...readme.matchAll(/```sh\n(curl .+?)\n```\n\n```json\n(.+?)\n```/gs)].filter(([, command = '']) =>
    command.includes(documentedUrl),
  );
  for (const [, command = '', answer = ''] of examples) {
    const script = `TOKEN=$(npm run -s token)\n${command.replaceAll(documentedUrl, url)}`;
    const { stdout } = await promisify(execFile)('sh', ['-c', script], {
      cwd: ROOT,
      env: { ...process.env, DATA_DIR: dataDir },
    });
    expect(parse(stdout)).toEqual(parse(answer));
  }
  return examples.length;
}

test('README’s question to the supergraph gets the answer that it shows', async () => {
  const supergraph = startServiceProcess({ DATA_DIR: dataDir }, [
    process.execPath,
    path.join(ROOT, 'supergraph/supergraph.ts'),
  ]);
  const url = await supergraph.url;
  expect(await paste('http://127.0.0.1:4000/graphql', url)).toBe(1);

  const page = await fetch(url, { headers: { accept: 'text/html', origin: 'https://elsewhere.example' } });
  // There is a token in it.
  expect(page.headers.get('access-control-allow-origin')).toBeNull();
  const html = await page.text();
  expect(html).toContain('GraphiQL');
  expect(html).not.toMatch(/(?:src|href)="https?:/);
  supergraph.child.kill('SIGTERM');
  expect(await supergraph.exit).toBe(0);
});

test('README’s commands give the answers that it shows', async () => {
  const service = startServiceProcess({ DATA_DIR: dataDir });
  expect(await paste('http://127.0.0.1:4001', await service.url)).toBe(4);
});

test('README’s table of variables is the configuration’s', async () => {
  const source = await readFile(path.join(ROOT, 'src/config.ts'), 'utf8');
  const ofTracing = await readFile(path.join(ROOT, 'src/telemetry/tracingConfig.ts'), 'utf8');
  const read = [
    ...[...source.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name),
    ...new Set(ofTracing.match(/OTEL_[A-Z_]+/g)),
  ];
  const told = [...readme.matchAll(/^\| (`[A-Z_`, ]+) \|/gm)].flatMap(
    ([, names = '']) => names.match(/[A-Z_]+/g) ?? [],
  );
  expect([...told].sort()).toEqual([...read].sort());
});
