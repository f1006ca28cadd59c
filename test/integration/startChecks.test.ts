import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { readConfig } from '../../src/config.ts';
import { migrations } from '../../src/database/migrations.ts';
import { startService } from '../../src/service.ts';
import { ChangingIssuer } from '../support/changingIssuer.ts';
import { databaseUrl, createTestDatabase, queryServer } from '../support/testDatabase.ts';

/* What a start refuses, what it warns of, and what it says. */

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-start-'));
const database = await createTestDatabase();
const owner = new pg.Client(database.url);
await owner.connect();
await owner.query(`CREATE ROLE start_checks LOGIN PASSWORD 'planted-secret'`);
await owner.query('GRANT SELECT ON order_item_migration TO start_checks');
afterAll(async () => {
  await owner.query('DROP OWNED BY start_checks');
  await owner.end();
  await database.drop();
  await queryServer('DROP ROLE start_checks');
  await rm(dataDir, { recursive: true });
});

const issuer = await ChangingIssuer.start();

/** The URL of the database for a role that owns nothing. */
function asRole(): string {
  const url = new URL(database.url);
  [url.username, url.password] = ['start_checks', 'planted-secret'];
  return url.href;
}

/** What a start did. */
interface Start {
  /** Null if the service started. */
  readonly refusal: string | null;
  readonly log: string;
}

/** Starts the service and stops it, once a line of its log holds a text. */
async function start(environment: Record<string, string>, until = ''): Promise<Start> {
  const lines: string[] = [];
  const isSaid = Promise.withResolvers<undefined>();
  const write = (line: string): void => {
    lines.push(line);
    if (line.includes(until)) isSaid.resolve(undefined);
  };
  try {
    const config = readConfig({ PORT: '0', DATA_DIR: dataDir, PLAYGROUND: 'false', ...environment });
    const service = await startService(config, { logger: pino({ level: 'info' }, { write }) });
    await isSaid.promise;
    await service.stop();
    return { refusal: null, log: lines.join('') };
  } catch (error) {
    return { refusal: Error.isError(error) ? error.message : String(error), log: lines.join('') };
  }
}

/** Runs statements, starts the service as the role, and runs other statements. */
async function startBetween(before: string, after: string, environment: Record<string, string> = {}): Promise<Start> {
  await owner.query(before);
  try {
    return await start({ DATABASE_URL: asRole(), ...environment });
  } finally {
    await owner.query(after);
  }
}

const GRANTS = `
  GRANT SELECT, UPDATE (status, cancelled_quantity, version, updated_at) ON order_item TO start_checks;
  GRANT SELECT, INSERT ON order_item_cancellation TO start_checks;
  GRANT SELECT, INSERT, UPDATE (position), DELETE ON order_item_event TO start_checks;
  GRANT SELECT, INSERT (name), UPDATE (position, holder, held_until) ON order_item_stream TO start_checks;
  GRANT SELECT, INSERT, UPDATE ON order_item_webhook, order_item_webhook_delivery TO start_checks;
  GRANT DELETE ON order_item_webhook_delivery TO start_checks;`;
const REVOKES = `REVOKE ALL ON order_item, order_item_cancellation, order_item_event, order_item_stream, order_item_webhook,
  order_item_webhook_delivery FROM start_checks`;

describe('a start refuses', () => {
  test('a database whose encoding cannot store every text, before it migrates it', async () => {
    const name = 'start_checks_latin1';
    await queryServer(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    const { refusal } = await start({ DATABASE_URL: databaseUrl(name) });
    expect(refusal).toMatch(/^The database "start_checks_latin1" has the encoding LATIN1.*ENCODING 'UTF8'/);
    const client = new pg.Client(databaseUrl(name));
    await client.connect();
    expect((await client.query(`SELECT FROM pg_tables WHERE schemaname = 'public'`)).rows).toEqual([]);
    await client.end();
    await queryServer(`DROP DATABASE ${name}`);
  });

  test.each([
    ['no right', '', 'GRANT UPDATE (status, cancelled_quantity, version, updated_at) ON order_item; '],
    [
      'no right to update',
      'REVOKE UPDATE (status) ON order_item FROM start_checks',
      'GRANT UPDATE (status) ON order_item',
    ],
    [
      'no right to record',
      'REVOKE INSERT ON order_item_cancellation FROM start_checks',
      'GRANT INSERT ON order_item_cancellation.',
    ],
    [
      'no right to announce',
      'REVOKE INSERT ON order_item_event FROM start_checks',
      'GRANT INSERT ON order_item_event.',
    ],
    [
      'no right to number events',
      'REVOKE UPDATE (position) ON order_item_event FROM start_checks',
      'GRANT UPDATE (position) ON order_item_event.',
    ],
    [
      'no right to delete old events',
      'REVOKE DELETE ON order_item_event FROM start_checks',
      'GRANT DELETE ON order_item_event.',
    ],
    [
      'no right to read events',
      'REVOKE SELECT ON order_item_event FROM start_checks',
      'GRANT SELECT ON order_item_event.',
    ],
    [
      'the table of streams',
      'REVOKE UPDATE (holder) ON order_item_stream FROM start_checks',
      'GRANT UPDATE (holder) ON order_item_stream.',
    ],
    [
      'the removal of old deliveries',
      'REVOKE DELETE ON order_item_webhook_delivery FROM start_checks',
      'GRANT DELETE ON order_item_webhook_delivery.',
    ],
    [
      'the deliveries of webhooks',
      'REVOKE INSERT ON order_item_webhook_delivery FROM start_checks',
      'GRANT INSERT ON order_item_webhook_delivery.',
    ],
  ])('a role that has %s', async (_name, revoke, sentence) => {
    const { refusal } = await startBetween(revoke === '' ? 'SELECT' : `${GRANTS} ${revoke}`, REVOKES);
    expect(refusal).toMatch(/^The service cannot cancel here: the role start_checks lacks GRANT /);
    expect(refusal).toContain(sentence);
  });

  test('a table without a column, by name', async () => {
    const { refusal } = await startBetween(
      `${GRANTS} ALTER TABLE order_item RENAME external_id TO other`,
      `${REVOKES}; ALTER TABLE order_item RENAME other TO external_id`,
    );
    expect(refusal).toBe('The service cannot cancel here: order_item has no column external_id.');
  });

  const replaceTable = (view: string): string =>
    `ALTER TABLE order_item RENAME TO bought; CREATE VIEW order_item AS ${view}; ${GRANTS}`;
  const restoreTable = `${REVOKES}; DROP VIEW order_item; ALTER TABLE bought RENAME TO order_item`;
  const columns = `id, order_id, product_id, external_id, is_pre_order, release_date, quantity, cancelled_quantity, price_amount,
    price_currency, version, created_at, updated_at`;

  test('columns of types that would be read otherwise, by name', async () => {
    const { refusal } = await startBetween(
      `${GRANTS} ALTER TABLE order_item ALTER price_amount TYPE real, ALTER created_at TYPE timestamp`,
      'ALTER TABLE order_item ALTER price_amount TYPE numeric(19,4), ALTER created_at TYPE timestamptz',
    );
    expect(refusal).toBe(
      'The service cannot cancel here: order_item.price_amount has the type real instead of numeric; order_item.created_at has the type timestamp without time zone instead of timestamp with time zone.',
    );
  });

  test('a view with a computed status, unless a trigger INSTEAD OF UPDATE writes it', async () => {
    const view = replaceTable(
      `SELECT ${columns}, CASE status WHEN 'x' THEN 'complete' ELSE status END AS status FROM bought`,
    );
    const { refusal } = await startBetween(view, restoreTable);
    expect(refusal).toBe(
      'The service cannot cancel here: the view order_item does not let status be updated, so write a trigger INSTEAD OF UPDATE ON order_item.',
    );
    const trigger = `${view};
      CREATE FUNCTION write_bought() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        UPDATE bought SET status = NEW.status, cancelled_quantity = NEW.cancelled_quantity, version = NEW.version, updated_at = NEW.updated_at WHERE id = OLD.id;
        RETURN NEW;
      END $$;
      CREATE TRIGGER write_bought INSTEAD OF UPDATE ON order_item FOR EACH ROW EXECUTE FUNCTION write_bought()`;
    expect(await startBetween(trigger, `${restoreTable}; DROP FUNCTION write_bought`)).toMatchObject({ refusal: null });
  });

  test('a view whose rows cannot be locked', async () => {
    const { refusal } = await startBetween(
      `${replaceTable(`SELECT DISTINCT ${columns}, status FROM bought`)};
       CREATE FUNCTION ignore() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
       CREATE TRIGGER ignore INSTEAD OF UPDATE ON order_item FOR EACH ROW EXECUTE FUNCTION ignore()`,
      `${restoreTable}; DROP FUNCTION ignore`,
    );
    expect(refusal).toBe('The service cannot cancel here: FOR NO KEY UPDATE is not allowed with DISTINCT clause.');
  });

  test('a database that lacks a migration, if MIGRATE_ON_START is false', async () => {
    const empty = await createTestDatabase({ migrated: false });
    const environment = { DATABASE_URL: empty.url, MIGRATE_ON_START: 'false' };
    expect((await start(environment)).refusal).toBe(
      `The database lacks the migrations ${migrations.map(({ name }) => name).join(', ')}. Run npm run migrate, or set MIGRATE_ON_START=true.`,
    );
    expect((await start({ ...environment, MIGRATE_ON_START: 'true' })).refusal).toBeNull();
    expect((await start(environment)).refusal).toBeNull();
    await empty.drop();
  });

  test.each([
    [
      'does not exist',
      (url: URL) => (url.pathname = '/nothing'),
      'The database "nothing" does not exist on 127.0.0.1:',
    ],
    ['refuses the password', (url: URL) => (url.password = 'wrong'), 'refuses the password of the user "start_checks"'],
    ['asks for a password', (url: URL) => (url.password = ''), 'asks for the password of the user "start_checks"'],
    ['speaks no TLS', (url: URL) => (url.search = '?sslmode=require'), 'TLS with 127.0.0.1:'],
  ])('a database that %s, at once and in one sentence', async (_name, change, sentence) => {
    const url = new URL(asRole());
    change(url);
    const { refusal, log } = await start({ DATABASE_URL: url.href });
    expect(refusal).toContain(sentence);
    expect(refusal).toContain('DATABASE_URL');
    expect(refusal).not.toMatch(/\n|planted-secret/);
    expect(log).not.toContain('planted-secret');
  });

  test('a role that cannot migrate', async () => {
    const empty = await createTestDatabase({ migrated: false });
    const url = new URL(asRole());
    url.pathname = new URL(empty.url).pathname;
    expect((await start({ DATABASE_URL: url.href })).refusal).toMatch(/^The role "start_checks" lacks a right .*owner/);
    await empty.drop();
  });
});

describe('a start says', () => {
  test('which database it uses, without the password', async () => {
    const { log } = await startBetween(GRANTS, REVOKES);
    const { host, pathname } = new URL(database.url);
    expect(log).toContain(
      `"servers":["${host}"],"database":"${pathname.slice(1)}","embedded":false,"msg":"using the database"`,
    );
    expect(log).not.toContain('planted-secret');
  });

  test('which migrations of the database it does not know', async () => {
    const insert = `INSERT INTO order_item_migration (timestamp, name) VALUES (1999999999999, 'Newer1999999999999')`;
    const { refusal, log } = await startBetween(
      `${GRANTS} ${insert}`,
      `${REVOKES}; DELETE FROM order_item_migration WHERE name = 'Newer1999999999999'`,
    );
    expect(refusal).toBeNull();
    expect(log).toContain('"migrations":["Newer1999999999999"],"msg":"the database has migrations of a newer version"');
  });

  test('that it cannot reach its issuer, or that it names itself otherwise', async () => {
    const environment = { ...issuer.environment, DATABASE_URL: database.url };
    const slash = await start({ ...environment, AUTH_ISSUER: `${issuer.url}/` }, 'AUTH_ISSUER');
    expect(slash.log).toContain(`The issuer names itself \\"${issuer.url}\\", so its tokens will be refused.`);
    const gone = await start({ ...environment, AUTH_ISSUER: 'http://127.0.0.1:65432' }, 'AUTH_ISSUER');
    expect(gone.log).toMatch(
      /"level":40.*The issuer cannot be reached at http:\/\/127\.0\.0\.1:65432\/\.well-known.*ECONNREFUSED.*Correct AUTH_ISSUER/,
    );
  });
});
