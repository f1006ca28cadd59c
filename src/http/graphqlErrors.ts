import type { ApolloServerPlugin, BaseContext } from '@apollo/server';
import { ApolloServerErrorCode, ApolloServerValidationErrorCode, unwrapResolverError } from '@apollo/server/errors';
import type { FastifyBaseLogger } from 'fastify';
import { GraphQLError, type GraphQLFormattedError, Kind, type OperationDefinitionNode } from 'graphql';
import { LimitExceeded } from './documentLimits.ts';
import { type Failure, type FailureCode, failureOf, logFailure } from './failures.ts';
import type { Operation } from './server.ts';

/** What the plugin needs of a request's context. */
export interface ReportContext extends BaseContext {
  readonly requestId: string;
  /** Notes what was asked, for the log and the metrics. */
  readonly reportOperation: (operation: Operation) => void;
  /** Notes how the request ended, for the log and the metrics. */
  readonly reportOutcome: (outcome: string) => void;
}

/** What Apollo Server calls an error that nobody gave a code. */
const NO_CODE: string = ApolloServerErrorCode.INTERNAL_SERVER_ERROR;

/** What it says of documents and variables that do not fit the schema, where the schema is not to be known. */
const CLOSED_MESSAGES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, 'The document does not fit the schema.'],
  [ApolloServerErrorCode.BAD_USER_INPUT, 'The variables do not fit the document.'],
  [ApolloServerValidationErrorCode.INTROSPECTION_DISABLED, 'Introspection is turned off.'],
]);

/** Of an operation, in the log; a client may choose any. */
const MAX_NAME_LENGTH = 64;

interface Wording {
  readonly code: string;
  readonly status: number;
}

/** How a failure reads where the whole request fails because of it. */
const OF_REQUEST = {
  bad_request: { code: 'BAD_REQUEST', status: 400 },
  unauthorized: { code: 'UNAUTHENTICATED', status: 401 },
  forbidden: { code: 'FORBIDDEN', status: 403 },
  not_found: { code: 'NOT_FOUND', status: 404 },
  method_not_allowed: { code: 'METHOD_NOT_ALLOWED', status: 405 },
  payload_too_large: { code: 'PAYLOAD_TOO_LARGE', status: 413 },
  unsupported_media_type: { code: 'UNSUPPORTED_MEDIA_TYPE', status: 415 },
  too_many_requests: { code: 'TOO_MANY_REQUESTS', status: 429 },
  internal_server_error: { code: 'INTERNAL_SERVER_ERROR', status: 500 },
  service_unavailable: { code: 'SERVICE_UNAVAILABLE', status: 503 },
} as const satisfies Record<FailureCode, Wording>;

/** How it reads where one field fails: the others keep their data, so that the status stays 200 but for a 503. */
const OF_FIELD = {
  ...OF_REQUEST,
  bad_request: { code: 'BAD_USER_INPUT', status: 200 },
  forbidden: { code: 'FORBIDDEN', status: 200 },
  internal_server_error: { code: 'INTERNAL_SERVER_ERROR', status: 200 },
} as const satisfies Record<FailureCode, Wording>;

/** The answer to a request that failed as a whole. */
export function graphQLAnswerTo(
  failure: Failure,
  requestId: string,
): { readonly status: number; readonly body: { readonly errors: readonly GraphQLFormattedError[] } } {
  const { code, status } = OF_REQUEST[failure.code];
  return { status, body: { errors: [{ message: failure.message, extensions: { code, requestId } }] } };
}

/**
 * Makes Apollo Server's `formatError`: it masks what a resolver threw unexpectedly. Errors of the document itself
 * (syntax, validation, variables) are the client's own and stay as they are, but where the schema is not to be known.
 */
export function errorFormatter({ introspection }: { readonly introspection: boolean }) {
  return (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    if (isOfDocument(error)) {
      const message = introspection ? formatted.message : messageOfClosedSchema(error);
      return { ...formatted, message, extensions: { code: codeOfDocumentError(error) } };
    }
    const failure = failureOf(unwrapResolverError(error));
    return { ...formatted, message: failure.message, extensions: { code: OF_FIELD[failure.code].code } };
  };
}

/** Without the schema's names, so that nobody can ask for them one guess after another. */
function messageOfClosedSchema(error: GraphQLError): string {
  if (error instanceof LimitExceeded || error.originalError instanceof LimitExceeded) return error.message;
  const reason = error.extensions['validationErrorCode'] ?? codeOfDocumentError(error);
  return CLOSED_MESSAGES.get(reason) ?? error.message;
}

/**
 * Gives every error the request id, the response the status and headers of its failures, and the log their causes, and
 * tells what was asked.
 */
export function reportGraphQL<TContext extends ReportContext>(logger: FastifyBaseLogger): ApolloServerPlugin<TContext> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ operation, operationName, contextValue: { reportOperation } }) => {
          if (operation !== undefined)
            reportOperation({ name: operationName?.slice(0, MAX_NAME_LENGTH) ?? null, field: fieldOf(operation) });
          return Promise.resolve();
        },
        willSendResponse: ({ response, errors, contextValue: { requestId, reportOutcome } }) => {
          if (response.body.kind !== 'single' || errors === undefined) return Promise.resolve();
          for (const formatted of response.body.singleResult.errors ?? []) {
            Object.assign(formatted, { extensions: { ...formatted.extensions, requestId } });
          }
          for (const error of errors) {
            if (isOfDocument(error)) {
              reportOutcome(codeOfDocumentError(error));
              // Apollo Server would say 400 for a variable that does not fit; the contract has 200 for bad input.
              if (error.extensions['code'] === ApolloServerErrorCode.BAD_USER_INPUT) response.http.status = 200;
              continue;
            }
            const failure = failureOf(unwrapResolverError(error));
            logFailure(logger.child({ requestId }), failure);
            const { code, status } = OF_FIELD[failure.code];
            reportOutcome(code);
            if (status === 200) continue;
            response.http.status = status;
            for (const [name, value] of Object.entries(failure.headers)) response.http.headers.set(name, value);
          }
          return Promise.resolve();
        },
      }),
  };
}

/** Of the schema's own names, so that it can label a metric: the one field at the top, or `several`. */
function fieldOf({ selectionSet: { selections } }: OperationDefinitionNode): string {
  const [first, ...others] = selections;
  return first?.kind === Kind.FIELD && others.length === 0 ? first.name.value : 'several';
}

/** What Apollo Server and graphql-js themselves have against a request; an error in a resolver has a path. */
function isOfDocument(error: unknown): error is GraphQLError {
  return error instanceof GraphQLError && unwrapResolverError(error) === error && error.path === undefined;
}

/** graphql-js refuses some documents, such as a subscription, only when it is to carry them out, and without a code. */
function codeOfDocumentError({ extensions: { code } }: GraphQLError): string {
  return typeof code === 'string' && code !== NO_CODE ? code : 'BAD_REQUEST';
}
