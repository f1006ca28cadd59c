import type { GraphQLRequest } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import {
  createSourceEventStream,
  type DocumentNode,
  execute,
  type ExecutionResult,
  type FormattedExecutionResult,
  getOperationAST,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { badInput, logFailure, toFailure } from '../http/failures.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { doWork } from '../work/deadline.ts';
import { createStream } from '../work/stream.ts';
import { createDocumentRules, type DocumentLimits } from './documentLimits.ts';
import type { ReportContext } from './errors.ts';
import type { OperationHooks } from './operationHooks.ts';

const { GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED } = ApolloServerErrorCode;

/** What graphql-js adds to a message if a name of the schema is nearly right. */
const SUGGESTION = / ?Did you mean .+\?$/;

/** The results of a subscription, or the answer of one that does not begin. */
export type Subscribed = AsyncGenerator<FormattedExecutionResult, void, undefined> | FormattedExecutionResult;

/** A subscription that a client asks for. */
export interface SubscriptionRequest<TContext> extends Pick<GraphQLRequest, 'operationName' | 'query' | 'variables'> {
  /** The context of the request. */
  readonly contextValue: TContext;
  /** Creates a context for one event. Caches of a request must not outlive it. */
  readonly createContext: () => TContext;
  /** Ends the subscription. Its reason becomes the last result. */
  readonly signal: AbortSignal;
}

/** Executes subscriptions by the same rules as other operations. It never throws. */
export type Subscribe<TContext> = (request: SubscriptionRequest<TContext>) => Promise<Subscribed>;

export interface SubscriptionOptions<TContext extends ReportContext> {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentLimits;
  /** Whether errors can suggest names of the schema. */
  readonly introspection: boolean;
  readonly formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  readonly hooks: readonly OperationHooks<TContext>[];
  /** How long the execution for one event can take, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Creates the execution of subscriptions. Apollo Server has none. */
export function createSubscribe<TContext extends ReportContext>({
  schema,
  limits,
  introspection,
  formatError,
  hooks,
  requestTimeoutMs,
  logger,
  clock = systemClock,
}: SubscriptionOptions<TContext>): Subscribe<TContext> {
  const rules = [...specifiedRules, ...createDocumentRules(limits)];
  const format = (
    errors: readonly unknown[],
    { requestId, reportOutcome }: TContext,
  ): readonly GraphQLFormattedError[] =>
    errors.map((error) => {
      const isOfGraphQL = error instanceof GraphQLError;
      const formatted = formatError(isOfGraphQL ? error.toJSON() : { message: '' }, error);
      reportOutcome(String(formatted.extensions?.['code']));
      const cause = isOfGraphQL ? error.originalError : error;
      if (cause !== undefined) logFailure(logger, toFailure(cause), requestId);
      const message = introspection ? formatted.message : formatted.message.replace(SUGGESTION, '');
      return { ...formatted, message, extensions: { ...formatted.extensions, requestId } };
    });
  const resolve = ({ query, operationName, variables, contextValue }: SubscriptionRequest<TContext>): DocumentNode => {
    const document = parseDocument(query ?? '', limits.documentTokens);
    const errors = validate(schema, document, rules);
    if (errors.length > 0) throw new InvalidDocument(errors.map(withCode(GRAPHQL_VALIDATION_FAILED)));
    const operation = getOperationAST(document, operationName);
    if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) {
      throw badInput('Only a subscription can be sent as a stream.');
    }
    const request = { query, operationName, variables } as GraphQLRequest;
    for (const { didResolveOperation } of hooks) {
      didResolveOperation?.({
        schema,
        document,
        operation,
        operationName: operation.name?.value ?? null,
        request,
        contextValue,
      });
    }
    return document;
  };
  const executeEvent = (
    document: DocumentNode,
    rootValue: unknown,
    { operationName, variables, createContext }: SubscriptionRequest<TContext>,
  ): Promise<FormattedExecutionResult> => {
    const contextValue = createContext();
    const work = { deadline: clock.now() + requestTimeoutMs, statements: 0, span: null };
    return doWork(work, async () => {
      const { data = null, errors } = await execute({
        schema,
        document,
        rootValue,
        contextValue,
        operationName,
        variableValues: variables,
      });
      return errors === undefined ? { data } : { data, errors: format(errors, contextValue) };
    });
  };

  return async (request) => {
    const { operationName, variables, contextValue, signal } = request;
    const fail = (error: unknown): FormattedExecutionResult => ({
      errors: format(error instanceof InvalidDocument ? error.errors : [error], contextValue),
    });
    try {
      const document = resolve(request);
      signal.throwIfAborted();
      const events = await createSourceEventStream({
        schema,
        document,
        contextValue,
        operationName,
        variableValues: variables,
      });
      if (!isGenerator(events)) return { errors: format((events as ExecutionResult).errors ?? [], contextValue) };
      return mapEvents(events, (rootValue) => executeEvent(document, rootValue, request), fail, signal);
    } catch (error) {
      return fail(error);
    }
  };
}

class InvalidDocument extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super('The document is not valid.');
    this.errors = errors;
  }
}

function parseDocument(query: string, maxTokens: number): DocumentNode {
  try {
    return parse(query, { maxTokens });
  } catch (error) {
    throw error instanceof GraphQLError ? withCode(GRAPHQL_PARSE_FAILED)(error) : error;
  }
}

/** Adds the code that Apollo Server gives, unless the error has one. */
function withCode(code: string): (error: GraphQLError) => GraphQLError {
  return (error) => {
    error.extensions['code'] ??= code;
    return error;
  };
}

function isGenerator(events: unknown): events is AsyncGenerator<unknown, void, undefined> {
  return typeof events === 'object' && events !== null && Symbol.asyncIterator in events;
}

/** Maps each event to a result. The reason of the signal, or an error, becomes the last result. */
function mapEvents(
  events: AsyncGenerator<unknown, void, undefined>,
  toResult: (event: unknown) => Promise<FormattedExecutionResult>,
  fail: (error: unknown) => FormattedExecutionResult,
  signal: AbortSignal,
): AsyncGenerator<FormattedExecutionResult, void, undefined> {
  let hasEnded = false;
  const stop = (): void => {
    void events.return();
  };
  signal.addEventListener('abort', stop, { once: true });
  const end = (): void => {
    hasEnded = true;
    signal.removeEventListener('abort', stop);
    stop();
  };
  const next = async (): Promise<IteratorResult<FormattedExecutionResult, void>> => {
    if (hasEnded) return { done: true, value: undefined };
    try {
      const event = await events.next();
      if (event.done !== true) return { done: false, value: await toResult(event.value) };
      const isAborted = signal.aborted;
      end();
      return isAborted ? { done: false, value: fail(signal.reason) } : { done: true, value: undefined };
    } catch (error) {
      end();
      return { done: false, value: fail(error) };
    }
  };
  return createStream(next, end);
}

/** Refuses a subscription whose answer would be one result. */
export function refuseSubscriptions<TContext extends ReportContext>(): OperationHooks<TContext> {
  return {
    didResolveOperation: ({ operation }) => {
      if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) return;
      throw new GraphQLError('A subscription needs Accept: text/event-stream.', {
        nodes: operation,
        extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
      });
    },
  };
}
