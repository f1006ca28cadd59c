import { execFile } from 'node:child_process';
import path from 'node:path';
import { migrations } from '../../src/database/migrations.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const database = await createTestDatabase({ migrated: false });
afterAll(database.drop);

interface Result {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command of `src/commands`. */
function run(command: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Result> {
  const file = path.join(import.meta.dirname, '../../src/commands', `${command}.ts`);
  const env = { PATH: process.env['PATH'], ...environment };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, ...args], { env }, (_, output, errors) => {
      resolve({ exitCode: child.exitCode ?? -1, output, errors });
    });
  });
}

/** A command that reached for this database, or for an issuer, would fail. */
const UNUSABLE = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing', AUTH_ISSUER: 'https://issuer.example' };

describe.each([
  ['check', 'npm run check\n'],
  ['import', 'npm run import -- FILE'],
  ['migrate', 'npm run migrate -- down'],
  ['token', 'npm run -s token -- '],
  ['webhooks', 'npm run webhooks -- add URL'],
])('%s', (command, line) => {
  test.each(['--help', '-h'])('%s prints the usage and does nothing', async (flag) => {
    expect(await run(command, [flag], UNUSABLE)).toEqual({
      exitCode: 0,
      output: expect.stringContaining(line),
      errors: '',
    });
  });

  test('an unknown option ends it with code 1 and is named', async () => {
    expect(await run(command, ['--sideways'], UNUSABLE)).toEqual({
      exitCode: 1,
      output: '',
      errors: expect.stringContaining("Unknown option '--sideways'"),
    });
  });
});

describe('migrate', () => {
  test.each([
    [['sideways'], "Unknown argument 'sideways'."],
    [['up', 'down'], "Unknown argument 'down'."],
    [['--sideways'], "Unknown option '--sideways'"],
  ])('with %j shows its usage and touches no database', async (args, complaint) => {
    const { exitCode, output, errors } = await run('migrate', args, UNUSABLE);
    expect({ exitCode, output }).toEqual({ exitCode: 1, output: '' });
    expect(errors.startsWith(complaint)).toBe(true);
    expect(errors).toContain('\n\nMigrates the database of DATABASE_URL');
    expect(errors).toContain('Exit code: ');
    expect(errors).not.toContain('    at ');
  });

  test('runs every migration once, and reverts the newest', async () => {
    const environment = { DATABASE_URL: database.url };
    const names = migrations.map(({ name }) => name);
    const printed = async (...args: readonly string[]): Promise<string> => {
      const { exitCode, output, errors } = await run('migrate', args, environment);
      expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
      return output;
    };
    expect(await printed()).toBe(`Ran ${names.join(', ')}.\n`);
    expect(await printed('up')).toBe('Nothing to do.\n');
    expect(await printed('down')).toBe(`Took back ${names.at(-1) ?? ''}.\n`);
    expect(await printed('up')).toBe(`Ran ${names.at(-1) ?? ''}.\n`);
  });

  test('says which database is unreachable', async () => {
    expect(await run('migrate', [], { DATABASE_URL: UNUSABLE.DATABASE_URL })).toEqual({
      exitCode: 1,
      output: '',
      errors: expect.stringContaining('The database "nothing" on 127.0.0.1:1 is not available'),
    });
  });
});
