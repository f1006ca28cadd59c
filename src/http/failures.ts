import type { FastifyBaseLogger } from 'fastify';
import { IssuerUnavailable, ScopeMissing, Unauthenticated } from '../auth/caller.ts';
import { Overloaded } from '../work/coalesce.ts';
import { isDatabaseUnavailable, isLockTimeout, isOutOfTime, isPoolExhausted } from '../database/errors.ts';

/**
 * Every way in which a request can fail, except refusals of the domain. Callers switch on these codes, so they are stable.
 */
export type FailureCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'cursor_expired'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'too_many_requests'
  | 'internal_server_error'
  | 'service_unavailable';

/** A failure as a caller can see it. Each door has its own format for it. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly headers: Readonly<Record<string, string>>;

  /** @param message is for the caller, so it holds nothing that the caller must not know. */
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

/** Creates the failure of an invalid request. @param message names the defect for the caller. */
export function badInput(message: string): Failure {
  return new Failure('bad_request', message);
}

/** Creates a temporary failure, which the caller can retry. @param message is for the caller. */
export function serviceUnavailable(message: string, options?: ErrorOptions): Failure {
  return new Failure('service_unavailable', message, { ...options, headers: { 'retry-after': String(RETRY_AFTER_S) } });
}

/** The failures that stand for errors of frameworks and libraries, by the HTTP status of the error. */
const STATUS_FAILURES: ReadonlyMap<unknown, readonly [FailureCode, string]> = new Map([
  [400, ['bad_request', 'The request is malformed.']],
  [404, ['not_found', 'There is nothing at this path.']],
  [413, ['payload_too_large', 'The body of the request is too large.']],
  [414, ['bad_request', 'The path of the request is too long.']],
  [415, ['unsupported_media_type', 'The body of the request must be JSON (Content-Type: application/json).']],
  [429, ['too_many_requests', 'Too many requests. Slow down.']],
]);

/**
 * Turns any thrown value into a failure that the caller can see. It masks unexpected errors, whose cause goes to the log.
 * It never throws.
 */
export function toFailure(error: unknown): Failure {
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

/** Logs the cause of a failure that the service is responsible for. */
export function logFailure(logger: FastifyBaseLogger, failure: Failure, requestId: string): void {
  if (failure.code === 'internal_server_error') logger.error({ requestId, err: failure.cause }, 'request failed');
  else if (failure.code === 'service_unavailable') logger.warn({ requestId, err: failure.cause }, failure.message);
}
