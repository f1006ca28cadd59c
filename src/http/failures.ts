import type { FastifyBaseLogger } from 'fastify';
import { IssuerUnavailable, ScopeMissing, Unauthenticated } from '../auth/caller.ts';
import { Overloaded } from '../work/coalesce.ts';
import { isDatabaseUnavailable, isLockTimeout, isOutOfTime, isPoolExhausted } from '../database/errors.ts';

/** Every way in which a request can fail, apart from a refusal of the domain. Stable: callers switch on it. */
export type FailureCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'too_many_requests'
  | 'internal_server_error'
  | 'service_unavailable';

/** What a caller may hear of a failure. Either door words it in its own format. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly headers: Readonly<Record<string, string>>;

  /** @param message for the caller: nothing that was not theirs to know. */
  constructor(
    code: FailureCode,
    message: string,
    { headers = {}, ...options }: ErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
    this.headers = headers;
  }
}

const RETRY_AFTER_S = 1;

/** What the caller sent cannot be served. @param message for the caller, naming the defect. */
export function badInput(message: string): Failure {
  return new Failure('bad_request', message);
}

/** The service cannot serve just now; the caller may try again. @param message for the caller. */
export function serviceUnavailable(message: string, options?: ErrorOptions): Failure {
  return new Failure('service_unavailable', message, { ...options, headers: { 'retry-after': String(RETRY_AFTER_S) } });
}

/** What an error with this HTTP status means; frameworks and libraries give their errors one. */
const STATUS_FAILURES: ReadonlyMap<unknown, readonly [FailureCode, string]> = new Map([
  [400, ['bad_request', 'The request is malformed.']],
  [404, ['not_found', 'There is nothing at this path.']],
  [413, ['payload_too_large', 'The body of the request is too large.']],
  [414, ['bad_request', 'The path of the request is too long.']],
  [415, ['unsupported_media_type', 'The body of the request must be JSON (Content-Type: application/json).']],
  [429, ['too_many_requests', 'Too many requests. Slow down.']],
]);

/**
 * Turns whatever was thrown into what the caller may hear. What is not expected is masked: the cause is for the log.
 * It never throws.
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof Unauthenticated) {
    return new Failure('unauthorized', error.message, {
      cause: error,
      headers: { 'www-authenticate': error.challenge },
    });
  }
  if (error instanceof ScopeMissing) {
    return new Failure('forbidden', error.message, { cause: error, headers: { 'www-authenticate': error.challenge } });
  }
  if (error instanceof IssuerUnavailable) return serviceUnavailable(error.message, { cause: error });
  if (isOutOfTime(error)) return serviceUnavailable('The request took too long. Try again.', { cause: error });
  if (isLockTimeout(error)) {
    return serviceUnavailable('The order item is being changed by another request. Try again.', { cause: error });
  }
  if (isPoolExhausted(error) || error instanceof Overloaded)
    return serviceUnavailable('The service is busy. Try again.', { cause: error });
  if (isDatabaseUnavailable(error)) {
    return serviceUnavailable('The service cannot reach its database. Try again.', { cause: error });
  }
  const known = STATUS_FAILURES.get(
    typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined,
  );
  if (known !== undefined) return new Failure(known[0], known[1], { cause: error });
  return new Failure('internal_server_error', "Couldn't process request due to an internal error.", { cause: error });
}

/** Logs the cause of a failure that is not the caller's doing. @param requestId of the request that failed. */
export function logFailure(logger: FastifyBaseLogger, failure: Failure, requestId: string): void {
  if (failure.code === 'internal_server_error') logger.error({ requestId, err: failure.cause }, 'request failed');
  else if (failure.code === 'service_unavailable') logger.warn({ requestId, err: failure.cause }, failure.message);
}
