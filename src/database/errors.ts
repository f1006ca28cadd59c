import { type Clock, sleep, systemClock } from '../work/clock.ts';

/** SQLSTATEs: https://www.postgresql.org/docs/18/errcodes-appendix.html */
const LOCK_NOT_AVAILABLE = '55P03';
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';
const QUERY_CANCELED = '57014';
const READ_ONLY_SQL_TRANSACTION = '25006';
const IDLE_IN_TRANSACTION_TIMEOUT = '25P03';
const TRANSACTION_TIMEOUT = '25P04';
const FEATURE_NOT_SUPPORTED = '0A000';
const INVALID_SQL_STATEMENT_NAME = '26000';
const DUPLICATE_PREPARED_STATEMENT = '42P05';
const OBJECT_NOT_IN_PREREQUISITE_STATE = '55000';
const UNIQUE_VIOLATION = '23505';
const INVALID_CATALOG_NAME = '3D000';
const CONNECTION_EXCEPTION_CLASS = '08';
const INVALID_AUTHORIZATION_CLASS = '28';
const INSUFFICIENT_RESOURCES_CLASS = '53';
const OPERATOR_INTERVENTION_CLASS = '57';
const SYSTEM_ERROR_CLASS = '58';

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNABORTED',
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  // Unix-domain sockets fail with these.
  'ENOENT',
  'EAGAIN',
  // The process or the system is out of file descriptors.
  'EMFILE',
  'ENFILE',
]);

/** pg and pg-pool throw these errors without a code. */
const CONNECTION_MESSAGES =
  /timeout exceeded when trying to connect|timeout expired|Connection terminated|Client has encountered a connection error|Driver not Connected|query runner (?:was )?already released|Cannot use a pool after calling end/i;

const MAX_ATTEMPTS = 5;

/** How long a start waits for an unreachable database, and how often it tries, in milliseconds. */
const ABSENCE_MS = 10_000;
const ABSENCE_PAUSE_MS = 250;

/** Whether a lock wait exceeded the lock timeout. */
export function isLockTimeout(error: unknown): boolean {
  return readCode(error) === LOCK_NOT_AVAILABLE;
}

/** Whether a statement timeout or a request deadline has passed. */
export function isOutOfTime(error: unknown): boolean {
  return readCode(error) === QUERY_CANCELED || isSilence(error);
}

/** Whether the server rejects writes, as a standby does. */
export function isReadOnly(error: unknown): boolean {
  return readCode(error) === READ_ONLY_SQL_TRANSACTION;
}

/** Whether a row would have the same key as another one. @param constraint is the name of the key. */
export function isDuplicate(error: unknown, constraint: string): boolean {
  if (readCode(error) !== UNIQUE_VIOLATION) return false;
  // A worker of Citus names the key of a shard, in the message only.
  const isOfShard = Error.isError(error) && error.message.includes(`${constraint}_`);
  return isOfShard || readMember(error, 'constraint') === constraint;
}

/** Whether the server has no free connection slot. The server itself is up. */
export function isOutOfConnections(error: unknown): boolean {
  return readCode(error)?.startsWith(INSUFFICIENT_RESOURCES_CLASS) === true;
}

/**
 * Whether a statement was not carried out because the session's prepared statement is out of date: a schema change gave its
 * result other types, or a pooler or `DISCARD ALL` took it away. It must be prepared again.
 */
export function isOutdatedStatement(error: unknown): boolean {
  const code = readCode(error);
  // The code is that of many errors, and `lc_messages` translates the message. The place in PostgreSQL's source decides.
  const isStalePlan = code === FEATURE_NOT_SUPPORTED && readMember(error, 'routine') === 'RevalidateCachedQuery';
  return isStalePlan || code === INVALID_SQL_STATEMENT_NAME || code === DUPLICATE_PREPARED_STATEMENT;
}

/** Whether no pooled connection became free in time. pg throws this without a code. */
export function isPoolExhausted(error: unknown): boolean {
  return Error.isError(error) && error.message === 'timeout exceeded when trying to connect';
}

/** Whether the client stopped waiting for a statement that the server may still run. pg throws this without a code. */
export function isSilence(error: unknown): boolean {
  return Error.isError(error) && error.message === 'Query read timeout';
}

/** Whether the database was unavailable, as opposed to a defect in the statement. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = readCode(error);
  if (code === null) return isSilence(error) || (Error.isError(error) && CONNECTION_MESSAGES.test(error.message));
  return (
    code === LOCK_NOT_AVAILABLE ||
    code === QUERY_CANCELED ||
    code === IDLE_IN_TRANSACTION_TIMEOUT ||
    code === TRANSACTION_TIMEOUT ||
    isNotAcceptingConnections(error) ||
    isOutdatedStatement(error) ||
    code === INVALID_CATALOG_NAME ||
    isReadOnly(error) ||
    isConflict(error) ||
    NETWORK_CODES.has(code) ||
    (code.length === 5 &&
      [
        CONNECTION_EXCEPTION_CLASS,
        INVALID_AUTHORIZATION_CLASS,
        INSUFFICIENT_RESOURCES_CLASS,
        OPERATOR_INTERVENTION_CLASS,
        SYSTEM_ERROR_CLASS,
      ].includes(code.slice(0, 2)))
  );
}

/**
 * Retries a transaction after an error that rolls it back completely and is no defect of it: a deadlock, a serialization
 * failure, or a prepared statement that is out of date. It makes five attempts with growing, random pauses.
 *
 * @param isOtherConflict whether another error is a conflict, too.
 * @throws any other error at once, and the error of the last attempt.
 */
export async function retryConflicts<T>(
  transaction: () => Promise<T>,
  clock: Clock = systemClock,
  isOtherConflict: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      const canRetry = isConflict(error) || isOutdatedStatement(error) || isOtherConflict(error);
      if (!canRetry || attempt === MAX_ATTEMPTS) throw error;
      await sleep(clock, Math.random() * 10 * 2 ** attempt);
    }
  }
}

/**
 * Retries an action for up to 10 s while the database is unavailable: it may be starting, busy, or failing over. A database
 * that refuses the user or the database name is not retried, because only a new configuration helps.
 *
 * @param onAbsent is called with the first failure.
 * @param signal ends the wait.
 * @throws any other error at once, and the last failure after 10 s.
 */
export async function retryAbsence<T>(
  act: () => Promise<T>,
  onAbsent: (error: unknown) => void,
  signal?: AbortSignal,
  clock: Clock = systemClock,
): Promise<T> {
  const end = clock.now() + ABSENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (!isDatabaseUnavailable(error) || isRefusal(error) || clock.now() > end) throw error;
      if (attempt === 1) onAbsent(error);
      await sleep(clock, ABSENCE_PAUSE_MS, signal);
    }
  }
}

/** Whether an operator closed the database for connections. Other errors have the same code, for example an update of a view. */
function isNotAcceptingConnections(error: unknown): boolean {
  const isOfStart = readMember(error, 'routine') === 'CheckMyDatabase';
  return readCode(error) === OBJECT_NOT_IN_PREREQUISITE_STATE && isOfStart;
}

/** Whether a pooler refused the settings of a session. The message is PgBouncer's. */
export function isPoolerRefusal(error: unknown): boolean {
  return Error.isError(error) && error.message.startsWith('unsupported startup parameter');
}

function isRefusal(error: unknown): boolean {
  const code = readCode(error);
  return (
    isPoolerRefusal(error) || code === INVALID_CATALOG_NAME || code?.startsWith(INVALID_AUTHORIZATION_CLASS) === true
  );
}

/** Whether the transaction failed by a deadlock or a serialization failure, and can run again. */
export function isConflict(error: unknown): boolean {
  const code = readCode(error);
  return code === DEADLOCK_DETECTED || code === SERIALIZATION_FAILURE;
}

/** Reads the code, which TypeORM copies from the driver's error onto its own. */
export function readCode(error: unknown): string | null {
  return readMember(error, 'code');
}

function readMember(error: unknown, name: 'code' | 'routine' | 'constraint'): string | null {
  if (!Error.isError(error)) return null;
  const value = (error as Error & Partial<Record<typeof name, unknown>>)[name];
  return typeof value === 'string' ? value : null;
}
