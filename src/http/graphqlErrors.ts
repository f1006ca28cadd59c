import { type ApolloServerPlugin, type BaseContext } from '@apollo/server';
import { ApolloServerErrorCode, unwrapResolverError } from '@apollo/server/errors';
import type { FastifyBaseLogger } from 'fastify';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { type Failure, type FailureCode, failureOf, logFailure } from './failures.ts';

/** What the error plugin needs of a request's context. */
export interface ErrorContext extends BaseContext {
  readonly requestId: string;
  /** Notes how the request ended, for the log. */
  readonly reportOutcome: (outcome: string) => void;
}

/**
 * How each failure reads in GraphQL: its code, and the HTTP status where the whole request fails because of it. One
 * that concerns a single field leaves the others their data, hence 200.
 */
const GRAPHQL = {
  bad_request: { code: 'BAD_USER_INPUT', requestStatus: 400, fieldStatus: 200 },
  unauthorized: { code: 'UNAUTHENTICATED', requestStatus: 401, fieldStatus: 401 },
  forbidden: { code: 'FORBIDDEN', requestStatus: 200, fieldStatus: 200 },
  not_found: { code: 'NOT_FOUND', requestStatus: 404, fieldStatus: 200 },
  method_not_allowed: { code: 'METHOD_NOT_ALLOWED', requestStatus: 405, fieldStatus: 200 },
  payload_too_large: { code: 'PAYLOAD_TOO_LARGE', requestStatus: 413, fieldStatus: 200 },
  unsupported_media_type: { code: 'UNSUPPORTED_MEDIA_TYPE', requestStatus: 415, fieldStatus: 200 },
  too_many_requests: { code: 'TOO_MANY_REQUESTS', requestStatus: 429, fieldStatus: 429 },
  internal_server_error: { code: 'INTERNAL_SERVER_ERROR', requestStatus: 500, fieldStatus: 200 },
  service_unavailable: { code: 'SERVICE_UNAVAILABLE', requestStatus: 503, fieldStatus: 503 },
} as const satisfies Record<FailureCode, { code: string; requestStatus: number; fieldStatus: number }>;

/** The HTTP status of a failure of a whole request, or of one field of it. */
export function statusOfGraphQL(code: FailureCode, extent: 'request' | 'field'): number {
  return extent === 'request' ? GRAPHQL[code].requestStatus : GRAPHQL[code].fieldStatus;
}

/** A failure as an entry of `errors`. */
export function graphQLErrorOf(failure: Failure, requestId: string): GraphQLFormattedError {
  return { message: failure.message, extensions: { code: GRAPHQL[failure.code].code, requestId } };
}

/**
 * For Apollo Server's `formatError`: masks what a resolver threw unexpectedly. Errors of the document itself (syntax,
 * validation, variables) are the client's own and stay as they are.
 */
export function formatGraphQLError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  if (isOfDocument(error)) {
    const { stacktrace: _stacktrace, ...extensions } = formatted.extensions ?? {};
    return { ...formatted, extensions };
  }
  const failure = failureOf(unwrapResolverError(error));
  return {
    ...formatted,
    message: failure.message,
    extensions: { code: GRAPHQL[failure.code].code },
  };
}

/** Gives every error the request id, the response the status and headers of its failures, and the log their causes. */
export function reportGraphQLErrors<TContext extends ErrorContext>(
  logger: FastifyBaseLogger,
): ApolloServerPlugin<TContext> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        willSendResponse: ({ response, errors, contextValue: { requestId, reportOutcome } }) => {
          if (response.body.kind !== 'single' || errors === undefined) return Promise.resolve();
          for (const formatted of response.body.singleResult.errors ?? []) {
            Object.assign(formatted, { extensions: { ...formatted.extensions, requestId } });
          }
          for (const error of errors) {
            if (isOfDocument(error)) {
              reportOutcome(String(error.extensions['code']));
              // Apollo Server would say 400 for a variable that does not fit; the contract has 200 for bad input.
              if (error.extensions['code'] === ApolloServerErrorCode.BAD_USER_INPUT) response.http.status = 200;
              continue;
            }
            const failure = failureOf(unwrapResolverError(error));
            logFailure(logger, failure, requestId);
            reportOutcome(GRAPHQL[failure.code].code);
            const status = statusOfGraphQL(failure.code, 'field');
            if (status === 200) continue;
            response.http.status = status;
            for (const [name, value] of Object.entries(failure.headers)) response.http.headers.set(name, value);
          }
          return Promise.resolve();
        },
      }),
  };
}

/** Apollo Server and graphql-js give such an error a code; what a resolver throws has none before it is formatted. */
function isOfDocument(error: unknown): error is GraphQLError {
  return (
    error instanceof GraphQLError &&
    unwrapResolverError(error) === error &&
    error.extensions['code'] !== undefined &&
    error.extensions['code'] !== ApolloServerErrorCode.INTERNAL_SERVER_ERROR
  );
}
