import { setTimeout as sleep } from 'node:timers/promises';

/** SQLSTATEs, https://www.postgresql.org/docs/18/errcodes-appendix.html, and what the drivers say before there is one. */
const LOCK_NOT_AVAILABLE = '55P03';
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';
const QUERY_CANCELED = '57014';
const READ_ONLY_SQL_TRANSACTION = '25006';
const IDLE_IN_TRANSACTION_TIMEOUT = '25P03';
const TRANSACTION_TIMEOUT = '25P04';
const FEATURE_NOT_SUPPORTED = '0A000';
const NOT_ACCEPTING_CONNECTIONS = '55000';
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
  // Of a socket that is a file.
  'ENOENT',
  'EAGAIN',
  // No file is free for a socket.
  'EMFILE',
  'ENFILE',
]);

/** pg and pg-pool give these without a code. */
const CONNECTION_MESSAGES =
  /timeout exceeded when trying to connect|timeout expired|Connection terminated|Client has encountered a connection error|Driver not Connected|query runner (?:was )?already released|Cannot use a pool after calling end/i;

const MAX_ATTEMPTS = 5;

/** How long a database that is not there is waited for, and how often it is tried, in milliseconds. */
const ABSENCE_MS = 10_000;
const ABSENCE_PAUSE_MS = 250;

/** Whether somebody else kept a lock longer than the lock timeout. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === LOCK_NOT_AVAILABLE;
}

/** Whether the time for a statement, or for all of a request's, was over. */
export function isOutOfTime(error: unknown): boolean {
  return codeOf(error) === QUERY_CANCELED || isSilence(error);
}

/** Whether the server takes no writes, as a standby does. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === READ_ONLY_SQL_TRANSACTION;
}

/** Whether the server has no room for another session. It is there, all the same. */
export function isOutOfConnections(error: unknown): boolean {
  return codeOf(error)?.startsWith(INSUFFICIENT_RESOURCES_CLASS) === true;
}

/** Whether a table was changed since a statement was prepared, which then fails in that session for ever. */
export function isStalePlan(error: unknown): boolean {
  return codeOf(error) === FEATURE_NOT_SUPPORTED && Error.isError(error) && error.message.includes('cached plan');
}

/** Whether every connection was in use for so long that waiting for one was given up. pg gives no code for it. */
export function isPoolExhausted(error: unknown): boolean {
  return Error.isError(error) && error.message === 'timeout exceeded when trying to connect';
}

/** Whether the client has given up on a statement, which the server may still be running. pg gives no code for it. */
export function isSilence(error: unknown): boolean {
  return Error.isError(error) && error.message === 'Query read timeout';
}

/** Whether the error means that the database could not serve, as opposed to a defect in what it was asked. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  if (code === null) return isSilence(error) || (Error.isError(error) && CONNECTION_MESSAGES.test(error.message));
  return (
    code === LOCK_NOT_AVAILABLE ||
    code === QUERY_CANCELED ||
    code === IDLE_IN_TRANSACTION_TIMEOUT ||
    code === TRANSACTION_TIMEOUT ||
    code === NOT_ACCEPTING_CONNECTIONS ||
    isStalePlan(error) ||
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
 * Runs a transaction again when the database gave it up for another: after a deadlock or a serialization failure it
 * has been rolled back whole. Up to five times, after a short wait that differs from that of its rival.
 *
 * @throws whatever else the transaction throws, and the conflict itself after the last attempt.
 */
export async function retryConflicts<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (!isConflict(error) || attempt === MAX_ATTEMPTS) throw error;
      await sleep(Math.random() * 10 * 2 ** attempt);
    }
  }
}

/**
 * Does something again while the database is not there: it may be starting, busy, or changing its primary. For 10 s at the
 * most, and not where it is there and refuses: another user or name of a database is wanted then.
 *
 * @param onAbsent hears of the first failure. @param signal ends the waiting.
 * @throws whatever else is thrown, and the absence itself when the time is over.
 */
export async function retryAbsence<T>(
  act: () => Promise<T>,
  onAbsent: (error: unknown) => void,
  signal?: AbortSignal,
): Promise<T> {
  const end = performance.now() + ABSENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (!isDatabaseUnavailable(error) || isRefusal(error) || performance.now() > end) throw error;
      if (attempt === 1) onAbsent(error);
      await sleep(ABSENCE_PAUSE_MS, null, { signal });
    }
  }
}

function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return code === INVALID_CATALOG_NAME || code?.startsWith(INVALID_AUTHORIZATION_CLASS) === true;
}

function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return code === DEADLOCK_DETECTED || code === SERIALIZATION_FAILURE;
}

/** TypeORM copies the driver's code onto the error that it throws. */
function codeOf(error: unknown): string | null {
  return Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
