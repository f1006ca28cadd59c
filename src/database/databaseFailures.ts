import pg from 'pg';
import { OperatorError } from '../work/operatorError.ts';
import { parseDatabaseUrl } from './databaseUrl.ts';
import { isDatabaseUnavailable, isPoolerRefusal, readCode } from './errors.ts';

/** Names a database in logs and errors, without the password. */
export interface DatabaseName {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  readonly database: string;
  readonly user: string;
}

const PERMISSION_DENIED = '42501';
const INVALID_PASSWORD = '28P01';
const INVALID_AUTHORIZATION = '28000';
const UNKNOWN_DATABASE = '3D000';

/** The classes of PostgreSQL's codes begin with these characters, and Node's codes of five characters with E. */
const SQLSTATE = /^[0-9FHPX][0-9A-Z]{4}$/;

const CORRECT = 'correct DATABASE_URL';

/** Node's codes of a certificate that it does not trust, and pg's messages of a server without TLS. */
const TLS_FAILURE = /^(?:ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)|SSL connection/;

/** Names the servers, database and user of a URL as the driver understands them, with its defaults. */
export function nameDatabase(url: string): DatabaseName {
  const parsed = parseDatabaseUrl(url);
  const clients = (typeof parsed === 'string' ? [url] : parsed.urls).map((one) => new pg.Client(one));
  const [{ database = '', user = '' } = {}] = clients;
  return { servers: clients.map(({ host, port }) => `${host}:${port}`), database, user };
}

/** Describes an error of a connection. Node reports several tried addresses as one error without a message. */
export function describeReason(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describeReason).join(', ');
  return Error.isError(error) ? error.message : String(error);
}

/**
 * Turns a failure to open or migrate a database into one that tells an operator what to do.
 *
 * @returns the error itself if it is not the database's.
 */
export function explainDatabaseFailure(error: unknown, url: string): unknown {
  if (error instanceof OperatorError || !Error.isError(error)) return error;
  const { servers, database, user } = nameDatabase(url);
  const server = servers.join(' or ');
  const code = readCode(error);
  const explain = (sentence: string): OperatorError => new OperatorError(sentence, { cause: error });
  if (code === UNKNOWN_DATABASE) {
    return explain(`The database "${database}" does not exist on ${server}. Create it, or ${CORRECT}.`);
  }
  if (code === INVALID_PASSWORD) {
    return explain(`${server} refuses the password of the user "${user}". Set the right one in DATABASE_URL.`);
  }
  if (code === INVALID_AUTHORIZATION) {
    return explain(
      `${server} refuses the user "${user}" (${describeReason(error)}). Allow it in pg_hba.conf, or ${CORRECT}.`,
    );
  }
  if (error.message.includes('client password must be a')) {
    return explain(`${server} asks for the password of the user "${user}". Set it in DATABASE_URL.`);
  }
  if (isPoolerRefusal(error)) {
    return explain(`DATABASE_URL points to a pooler (${describeReason(error)}). Set DATABASE_POOLING=transaction.`);
  }
  if (TLS_FAILURE.test(code ?? error.message)) {
    return explain(
      `TLS with ${server} fails (${describeReason(error)}). Correct sslmode and sslrootcert in DATABASE_URL.`,
    );
  }
  if (isDatabaseUnavailable(error)) {
    return explain(
      `The database "${database}" on ${server} is not available (${describeReason(error)}). Start it, or ${CORRECT}.`,
    );
  }
  if (code === PERMISSION_DENIED) {
    return explain(
      `The role "${user}" lacks a right (${describeReason(error)}). Migrate as the owner of the tables, and grant the role its rights (docs/operations.md, "Database rights").`,
    );
  }
  return code !== null && SQLSTATE.test(code)
    ? explain(`The database "${database}" on ${server} cannot be prepared: ${describeReason(error)}.`)
    : error;
}
