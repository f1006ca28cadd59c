import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findCodeBlocks, readDocuments, ROOT } from '../support/documents.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';

const run = promisify(execFile);
const documents = readDocuments();
const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-documented-'));
afterAll(async () => {
  await killServiceProcesses();
  await rm(dataDir, { recursive: true });
});

/** Values that differ in each run. */
const CHANGING: ReadonlySet<string> = new Set(['cancelledAt', 'requestId', 'cancelled_at', 'request_id']);

/** Commands that a curl example does not cover, with the test that runs them or the reason why none does. */
const OTHER_COMMANDS: Readonly<Record<string, string>> = {
  'npm ci && npm start': '.ci/run installs; test/lifecycle/process.test.ts and the tests below start the service',
  'npm ci && npm test': '.ci/run',
  'npm ci && npm run dev': 'npm start with the watch mode of Node',
  'TOKEN=$(npm run -s token)': 'each curl example below',
  'npm run supergraph': 'the supergraph test below',
  'APOLLO_KEY=... APOLLO_GRAPH_REF=... AUTH_ISSUER=... AUTH_AUDIENCE=... docker compose --profile dashboard up --build':
    'needs a Docker engine; test/integration/dockerCompose.test.ts checks the file',
  'pg_dump --format=custom --file=order-items.dump "$DATABASE_URL"\npg_restore --no-owner --dbname="$RESTORED_URL" order-items.dump':
    'test/servers/backup.test.ts',
};

interface Example {
  readonly command: string;
  readonly answer: string;
}

/** Returns the curl examples of all pages that ask a documented address, in reading order. */
function findExamples(documentedUrl: string): Example[] {
  return documents.flatMap((document) => {
    const blocks = findCodeBlocks(document);
    return blocks.flatMap(({ language, code }, position) => {
      if (language !== 'sh' || !code.startsWith('curl ') || !code.includes(documentedUrl)) return [];
      return [{ command: code, answer: blocks[position + 1]?.code ?? '' }];
    });
  });
}

function parse(json: string): unknown {
  return JSON.parse(json, (name, value: unknown) => (CHANGING.has(name) ? typeof value : value));
}

/** Runs the examples against a running service and compares their output with the documented answers. */
async function expectAnswers(examples: readonly Example[], documentedUrl: string, url: string): Promise<void> {
  for (const { command, answer } of examples) {
    const script = `TOKEN=$(npm run -s token)\n${command.replaceAll(documentedUrl, url)}`;
    const { stdout } = await run('sh', ['-c', script], { cwd: ROOT, env: { ...process.env, DATA_DIR: dataDir } });
    expect(parse(stdout)).toEqual(parse(answer));
  }
}

test('every documented shell command is run by a test, or is listed with the reason why not', () => {
  const commands = documents
    .flatMap((document) => findCodeBlocks(document))
    .filter(({ language, code }) => language === 'sh' && !code.startsWith('curl '))
    .map(({ code }) => code);
  expect([...new Set(commands)].sort()).toEqual(Object.keys(OTHER_COMMANDS).sort());
});

test('the supergraph answers the documented operations as documented', async () => {
  const supergraph = startServiceProcess({ DATA_DIR: dataDir }, [
    process.execPath,
    path.join(ROOT, 'supergraph/supergraph.ts'),
  ]);
  const url = await supergraph.url;
  const documentedUrl = 'http://127.0.0.1:4000/graphql';
  const examples = findExamples(documentedUrl);
  expect(examples).toHaveLength(5);
  await expectAnswers(examples, documentedUrl, url);

  const page = await fetch(url, { headers: { accept: 'text/html', origin: 'https://elsewhere.example' } });
  // The page holds a token, so no other origin may read it.
  expect(page.headers.get('access-control-allow-origin')).toBeNull();
  const html = await page.text();
  expect(html).toContain('GraphiQL');
  expect(html).not.toMatch(/(?:src|href)="https?:/);
  supergraph.child.kill('SIGTERM');
  expect(await supergraph.exit).toBe(0);
});

test('the service answers the documented requests as documented', async () => {
  const service = startServiceProcess({ DATA_DIR: dataDir });
  const documentedUrl = 'http://127.0.0.1:4001';
  const examples = findExamples(documentedUrl);
  expect(examples.length).toBeGreaterThanOrEqual(4);
  await expectAnswers(examples, documentedUrl, await service.url);
});
