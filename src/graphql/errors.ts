import type { BaseContext } from '@apollo/server';
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
import type { OperationHooks } from './operationHooks.ts';
import { badInput, type Failure, type FailureCode, toFailure, logFailure } from '../http/failures.ts';
import type { Operation } from '../http/server.ts';

/** The members of a request's context that the hooks need. */
export interface ReportContext extends BaseContext {
  readonly requestId: string;
  /** Records the operation for log and metrics. */
  readonly reportOperation: (operation: Operation) => void;
  /** Records an outcome of the request for log and metrics. */
  readonly reportOutcome: (outcome: string) => void;
}

/** The code that Apollo Server gives to an error without a code. */
const NO_CODE: string = ApolloServerErrorCode.INTERNAL_SERVER_ERROR;

const BAD_USER_INPUT: string = ApolloServerErrorCode.BAD_USER_INPUT;

/** The message of graphql-js if it would compare too many pairs of fields. */
const VALIDATION_ABORTED = 'Validation aborted.';

const MAX_MESSAGE_LENGTH = 1_000;

const VARIABLES_DO_NOT_FIT = 'The variables do not fit the document.';

/** Messages that reveal no name of the schema, for services with introspection off. */
const CLOSED_MESSAGES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, 'The document does not fit the schema.'],
  [ApolloServerErrorCode.BAD_USER_INPUT, VARIABLES_DO_NOT_FIT],
  [ApolloServerValidationErrorCode.INTROSPECTION_DISABLED, 'Introspection is turned off.'],
]);

/** Bounds an operation's name in the log, because clients choose it. */
const MAX_NAME_LENGTH = 64;

interface Wording {
  readonly code: string;
  readonly status: number;
}

/** The code and status of a failure that fails the whole request. */
const REQUEST_FAILURES = {
  bad_request: { code: 'BAD_REQUEST', status: 400 },
  unauthorized: { code: 'UNAUTHENTICATED', status: 401 },
  forbidden: { code: 'FORBIDDEN', status: 403 },
  not_found: { code: 'NOT_FOUND', status: 404 },
  method_not_allowed: { code: 'METHOD_NOT_ALLOWED', status: 405 },
  not_acceptable: { code: 'NOT_ACCEPTABLE', status: 406 },
  cursor_expired: { code: 'CURSOR_EXPIRED', status: 410 },
  payload_too_large: { code: 'PAYLOAD_TOO_LARGE', status: 413 },
  unsupported_media_type: { code: 'UNSUPPORTED_MEDIA_TYPE', status: 415 },
  too_many_requests: { code: 'TOO_MANY_REQUESTS', status: 429 },
  internal_server_error: { code: 'INTERNAL_SERVER_ERROR', status: 500 },
  service_unavailable: { code: 'SERVICE_UNAVAILABLE', status: 503 },
} as const satisfies Record<FailureCode, Wording>;

/**
 * The code and status of a failure in one field. Other fields keep their data, so the status stays 200, except for a 503.
 */
const FIELD_FAILURES = {
  ...REQUEST_FAILURES,
  bad_request: { code: 'BAD_USER_INPUT', status: 200 },
  forbidden: { code: 'FORBIDDEN', status: 200 },
  internal_server_error: { code: 'INTERNAL_SERVER_ERROR', status: 200 },
} as const satisfies Record<FailureCode, Wording>;

/** Corrects a code of Apollo Server, which calls every refusal a bad request, to the code of the HTTP status. */
export function correctCode(status: number, code: unknown): unknown {
  const wording = Object.values(REQUEST_FAILURES).find((candidate) => candidate.status === status);
  return code === REQUEST_FAILURES.bad_request.code && wording !== undefined ? wording.code : code;
}

/** Returns the status and body of a request that failed as a whole. */
export function toGraphQLResponse(
  failure: Failure,
  requestId: string,
): { readonly status: number; readonly body: { readonly errors: readonly GraphQLFormattedError[] } } {
  const { code, status } = REQUEST_FAILURES[failure.code];
  return { status, body: { errors: [{ message: failure.message, extensions: { code, requestId } }] } };
}

/**
 * Creates `formatError` for Apollo Server. It masks unexpected errors of resolvers. Errors of the document (syntax,
 * validation, variables) stay as they are, unless introspection is off and the message would reveal the schema.
 */
export function createErrorFormatter({ introspection }: { readonly introspection: boolean }) {
  return (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    if (isDocumentError(error)) {
      const message = introspection ? writeMessage(error) : writeClosedMessage(error);
      return { ...formatted, message, extensions: { code: readDocumentCode(error) } };
    }
    const failure = toFieldFailure(error, introspection);
    return { ...formatted, message: failure.message, extensions: { code: FIELD_FAILURES[failure.code].code } };
  };
}

/** Returns a message without names of the schema. It shows whether a guess fits, but suggests no other names. */
function writeClosedMessage(error: GraphQLError): string {
  if (error instanceof LimitExceeded || error.originalError instanceof LimitExceeded) return error.message;
  if (error.message === VALIDATION_ABORTED) return writeMessage(error);
  const reason = error.extensions['validationErrorCode'] ?? readDocumentCode(error);
  return CLOSED_MESSAGES.get(reason) ?? writeMessage(error);
}

/** Returns a message of bounded length, because graphql-js can repeat the client's text many times. */
function writeMessage({ message, originalError }: GraphQLError): string {
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
 * Reports operations and outcomes. It adds the request id to every error, sets the status and the
 * headers of failures, and logs their causes.
 */
export function reportGraphQL<TContext extends ReportContext>(logger: FastifyBaseLogger): OperationHooks<TContext> {
  return {
    didResolveOperation: ({ schema, operation, operationName, contextValue: { reportOperation } }) => {
      if (operation === undefined) return;
      reportOperation({
        name: operationName?.slice(0, MAX_NAME_LENGTH) ?? null,
        type: operation.operation,
        field: findRootField(operation, schema),
      });
    },
    willSendResponse: ({ response, errors, contextValue: { requestId, reportOutcome } }) => {
      if (response.body.kind !== 'single' || errors === undefined) return;
      for (const formatted of response.body.singleResult.errors ?? []) {
        Object.assign(formatted, { extensions: { ...formatted.extensions, requestId } });
      }
      // A failed batch has one error per entity, but one cause.
      const logged = new Set<unknown>();
      for (const error of errors) {
        if (isDocumentError(error)) {
          const code = readDocumentCode(error);
          reportOutcome(code);
          // Apollo Server answers 400 to an invalid variable. The contract says 200.
          if (code === BAD_USER_INPUT) response.http.status = 200;
          // Apollo Server answers 200 to an operation whose root type the schema lacks.
          if (code === REQUEST_FAILURES.bad_request.code) {
            response.http.status ??= 400;
            delete response.body.singleResult.data;
          }
          continue;
        }
        const failure = toFieldFailure(error, true);
        if (!logged.has(failure.cause)) logFailure(logger, failure, requestId);
        logged.add(failure.cause);
        const { code, status } = FIELD_FAILURES[failure.code];
        reportOutcome(code);
        if (status === 200) continue;
        response.http.status = status;
        for (const [name, value] of Object.entries(failure.headers)) response.http.headers.set(name, value);
      }
    },
  };
}

/** Returns the failure of a field. graphql-js itself throws if a variable is null where the schema forbids it. */
function toFieldFailure(error: unknown, introspection: boolean): Failure {
  const original = unwrapResolverError(error);
  if (!(original instanceof GraphQLError) || original.nodes === undefined) return toFailure(original);
  return badInput(introspection ? writeMessage(original) : VARIABLES_DO_NOT_FIT);
}

/** Returns the root field, or `several`. The schema bounds the values, so they can label a metric. */
function findRootField(
  { operation, selectionSet: { selections } }: OperationDefinitionNode,
  schema: GraphQLSchema,
): string {
  // Without a root type, validation accepts any field name.
  if (schema.getRootType(operation) === undefined) return 'none';
  const [first, ...others] = selections;
  return first?.kind === Kind.FIELD && others.length === 0 ? first.name.value : 'several';
}

/** Whether Apollo Server or graphql-js rejected the request itself. An error of a resolver has a path. */
function isDocumentError(error: unknown): error is GraphQLError {
  return error instanceof GraphQLError && unwrapResolverError(error) === error && error.path === undefined;
}

/** Returns the error's code. graphql-js sets none if it rejects a subscription or a null during execution. */
function readDocumentCode({ extensions: { code }, nodes: [node] = [] }: GraphQLError): string {
  if (typeof code === 'string' && code !== NO_CODE) return code;
  return node === undefined || node.kind === Kind.OPERATION_DEFINITION
    ? REQUEST_FAILURES.bad_request.code
    : BAD_USER_INPUT;
}
