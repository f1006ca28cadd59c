import type { ApolloServerPlugin, BaseContext } from '@apollo/server';
import { ApolloServerErrorCode, ApolloServerValidationErrorCode, unwrapResolverError } from '@apollo/server/errors';
import type { FastifyBaseLogger } from 'fastify';
import {
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import { LimitExceeded } from './documentLimits.ts';
import { badInput, type Failure, type FailureCode, failureOf, logFailure } from '../http/failures.ts';
import type { Operation } from '../http/server.ts';

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

const BAD_USER_INPUT: string = ApolloServerErrorCode.BAD_USER_INPUT;

/** What graphql-js says when it would have to compare too many pairs of fields. */
const VALIDATION_ABORTED = 'Validation aborted.';

const MAX_MESSAGE_LENGTH = 1_000;

const VARIABLES_DO_NOT_FIT = 'The variables do not fit the document.';

/** What it says of documents and variables that do not fit the schema, where the schema is not to be known. */
const CLOSED_MESSAGES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, 'The document does not fit the schema.'],
  [ApolloServerErrorCode.BAD_USER_INPUT, VARIABLES_DO_NOT_FIT],
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
  not_acceptable: { code: 'NOT_ACCEPTABLE', status: 406 },
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

/** What Apollo Server calls a bad request, whatever its status says. @returns the code that the status has elsewhere. */
export function codeOfAnswer(status: number, code: unknown): unknown {
  const wording = Object.values(OF_REQUEST).find((candidate) => candidate.status === status);
  return code === OF_REQUEST.bad_request.code && wording !== undefined ? wording.code : code;
}

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
      const message = introspection ? messageOf(error) : messageOfClosedSchema(error);
      return { ...formatted, message, extensions: { code: codeOfDocumentError(error) } };
    }
    const failure = failureOfField(error, introspection);
    return { ...formatted, message: failure.message, extensions: { code: OF_FIELD[failure.code].code } };
  };
}

/** Without the schema's names: whoever guesses one hears whether it fits, and not what else would. */
function messageOfClosedSchema(error: GraphQLError): string {
  if (error instanceof LimitExceeded || error.originalError instanceof LimitExceeded) return error.message;
  if (error.message === VALIDATION_ABORTED) return messageOf(error);
  const reason = error.extensions['validationErrorCode'] ?? codeOfDocumentError(error);
  return CLOSED_MESSAGES.get(reason) ?? messageOf(error);
}

/** The client's own, not longer than it must be: it can repeat what the client has sent, many times over. */
function messageOf({ message, originalError }: GraphQLError): string {
  if (isRangeError(originalError)) return 'The document is nested too deeply.';
  if (message === VALIDATION_ABORTED) return 'The document has too many fields of one name to compare them.';
  return message.length > MAX_MESSAGE_LENGTH
    ? `${message.slice(0, MAX_MESSAGE_LENGTH / 2)}…${message.slice(-MAX_MESSAGE_LENGTH / 2)}`
    : message;
}

/** Apollo Server wraps what the parser throws twice. */
function isRangeError(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof GraphQLError && isRangeError(error.originalError));
}

/**
 * Gives every error the request id, the response the status and headers of its failures, and the log their causes, and
 * tells what was asked.
 */
export function reportGraphQL<TContext extends ReportContext>(logger: FastifyBaseLogger): ApolloServerPlugin<TContext> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ schema, operation, operationName, contextValue: { reportOperation } }) => {
          if (operation !== undefined)
            reportOperation({
              name: operationName?.slice(0, MAX_NAME_LENGTH) ?? null,
              type: operation.operation,
              field: fieldOf(operation, schema),
            });
          return Promise.resolve();
        },
        willSendResponse: ({ response, errors, contextValue: { requestId, reportOutcome } }) => {
          if (response.body.kind !== 'single' || errors === undefined) return Promise.resolve();
          for (const formatted of response.body.singleResult.errors ?? []) {
            Object.assign(formatted, { extensions: { ...formatted.extensions, requestId } });
          }
          // A batch that fails has one error for each of its entities, and one cause.
          const logged = new Set<unknown>();
          for (const error of errors) {
            if (isOfDocument(error)) {
              const code = codeOfDocumentError(error);
              reportOutcome(code);
              // Apollo Server would say 400 for a variable that does not fit; the contract has 200 for bad input.
              if (code === BAD_USER_INPUT) response.http.status = 200;
              // It would say 200 for a subscription, which nobody here carries out.
              if (code === OF_REQUEST.bad_request.code) {
                response.http.status ??= 400;
                delete response.body.singleResult.data;
              }
              continue;
            }
            const failure = failureOfField(error, true);
            if (!logged.has(failure.cause)) logFailure(logger, failure, requestId);
            logged.add(failure.cause);
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

/** What went wrong in a field. graphql-js itself refuses a variable that turns out to be null where it must not be. */
function failureOfField(error: unknown, introspection: boolean): Failure {
  const original = unwrapResolverError(error);
  if (!(original instanceof GraphQLError) || original.nodes === undefined) return failureOf(original);
  return badInput(introspection ? messageOf(original) : VARIABLES_DO_NOT_FIT);
}

/** Of the schema's own names, so that it can label a metric: the one field at the top, or `several`. */
function fieldOf({ operation, selectionSet: { selections } }: OperationDefinitionNode, schema: GraphQLSchema): string {
  // With no type to hold its fields against, the validation takes whatever a subscription names.
  if (schema.getRootType(operation) === undefined) return 'none';
  const [first, ...others] = selections;
  return first?.kind === Kind.FIELD && others.length === 0 ? first.name.value : 'several';
}

/** What Apollo Server and graphql-js themselves have against a request; an error in a resolver has a path. */
function isOfDocument(error: unknown): error is GraphQLError {
  return error instanceof GraphQLError && unwrapResolverError(error) === error && error.path === undefined;
}

/** graphql-js refuses some things, such as a subscription or a null, only when it is to carry them out, without a code. */
function codeOfDocumentError({ extensions: { code }, nodes: [node] = [] }: GraphQLError): string {
  if (typeof code === 'string' && code !== NO_CODE) return code;
  return node === undefined || node.kind === Kind.OPERATION_DEFINITION ? OF_REQUEST.bad_request.code : BAD_USER_INPUT;
}
