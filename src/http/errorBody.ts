import type { Failure, FailureCode } from './failures.ts';

/** The body of every error outside `/graphql`. It has exactly these members. */
export interface ErrorBody {
  readonly error_code: string;
  readonly message: string;
  readonly request_id: string;
}

const STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  cursor_expired: 410,
  payload_too_large: 413,
  unsupported_media_type: 415,
  too_many_requests: 429,
  internal_server_error: 500,
  service_unavailable: 503,
} as const satisfies Record<FailureCode, number>;

/** Returns the HTTP status of a failure outside `/graphql`. */
export function toHttpStatus(failure: Failure): number {
  return STATUS[failure.code];
}

/** Returns the body of a failure outside `/graphql`. */
export function toErrorBody(failure: Failure, requestId: string): ErrorBody {
  return { error_code: failure.code, message: failure.message, request_id: requestId };
}
