import {
  type ApolloServerPlugin,
  type BaseContext,
  type GraphQLRequest,
  type GraphQLRequestContextResponseForOperation,
  type GraphQLResponse,
  HeaderMap,
} from '@apollo/server';
import {
  BREAK,
  type DocumentNode,
  type ExecutionResult,
  type FormattedExecutionResult,
  getVariableValues,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SourceLocation,
  type VariableNode,
  visit,
} from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { isTraced } from './inlineTrace.ts';
import { measureCost } from './operationCost.ts';
import type { OperationHooks } from './operationHooks.ts';

/** Routers repeat a few operations. Beyond this many, operations are interpreted. */
const MAX_COMPILED_OPERATIONS = 500;

/** The length of all documents in the cache, in characters. */
const MAX_CACHED_LENGTH = 4_000_000;

/** The compiler inlines fragments, so a short document can take long to compile. Real operations cost tens. */
const MAX_COMPILED_COST = 500;

/** Cache entries of an operation that was seen once, and of one that is not compiled. */
const SEEN = 'seen';
const INTERPRETED = 'interpreted';

/** An operation that Apollo Server is about to execute. */
type PendingOperation<TContext extends BaseContext> = GraphQLRequestContextResponseForOperation<TContext>;

/** An operation that Apollo Server found valid. Nothing in it depends on a request. */
interface CompiledOperation extends Pick<
  PendingOperation<BaseContext>,
  'document' | 'operation' | 'operationName' | 'schema'
> {
  readonly compiled: CompiledQuery;
}

/** Executes repeated operations. */
export interface CompiledExecution<TContext extends BaseContext> {
  /** Lets Apollo Server execute compiled operations. */
  readonly plugin: ApolloServerPlugin<TContext>;
  /**
   * Answers a request for a compiled operation without Apollo Server, which would hash the document and ask each plugin at
   * each step.
   *
   * @returns null if Apollo Server must answer. Nothing has been executed then.
   */
  readonly answerRepeated: (request: GraphQLRequest, contextValue: TContext) => Promise<GraphQLResponse | null>;
}

/**
 * Executes repeated operations with graphql-jit instead of Apollo Server. graphql-js executes everything else, and it
 * defines what the right answer is.
 *
 * @param schema is separate from Apollo Server's, which can be instrumented for traces.
 * @param formatError is the `formatError` of Apollo Server.
 * @param hooks are those of Apollo Server's plugins, in their order.
 * @see https://github.com/zalando-incubator/graphql-jit
 */
export function compiledExecution<TContext extends BaseContext>(
  schema: GraphQLSchema,
  formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError,
  hooks: readonly OperationHooks<TContext>[],
): CompiledExecution<TContext> {
  const operations = new LRUCache<string, CompiledOperation | typeof SEEN | typeof INTERPRETED>({
    max: MAX_COMPILED_OPERATIONS,
    maxSize: MAX_CACHED_LENGTH,
    sizeCalculation: (_, key) => key.length,
  });

  const compile = ({ document, operation, operationName, schema: validated, request }: PendingOperation<TContext>) => {
    if (!canCompile(schema, document, operation)) return INTERPRETED;
    const compiled = compileQuery(schema, document, request.operationName);
    if (!isCompiledQuery(compiled)) return INTERPRETED;
    return { compiled, document, operation, operationName, schema: validated };
  };
  const findCompiled = (asked: PendingOperation<TContext>): CompiledOperation | null => {
    const key = nameOperation(asked.request);
    const known = operations.get(key);
    if (typeof known === 'object') return known;
    if (known === undefined) operations.set(key, SEEN);
    if (known !== SEEN) return null;
    // The entry stays if compiling throws.
    operations.set(key, INTERPRETED);
    const compiled = compile(asked);
    operations.set(key, compiled);
    return compiled === INTERPRETED ? null : compiled;
  };
  /** @returns null if graphql-js must execute the operation. */
  const execute = async (
    { compiled, document, operation }: CompiledOperation,
    { variables = {} }: GraphQLRequest,
    contextValue: TContext,
  ): Promise<Executed | null> => {
    // graphql-jit accepts some invalid values.
    const definitions = operation.variableDefinitions ?? [];
    if (getVariableValues(schema, definitions, variables, { maxErrors: 1 }).errors !== undefined) return null;
    const { data, errors } = (await compiled.query(undefined, contextValue, variables)) as ExecutionResult;
    // graphql-jit rejected the variables and has executed nothing. graphql-js then reports the error.
    if (data === undefined) return null;
    if (errors === undefined) return { result: { data }, errors };
    const graphQLErrors = errors.map(toGraphQLError(document));
    const formatted = graphQLErrors.map((error) => formatError(error.toJSON(), error));
    return { result: { data, errors: formatted }, errors: graphQLErrors };
  };

  return {
    plugin: {
      requestDidStart: async () => ({
        responseForOperation: async (asked) => {
          // graphql-js reports an unknown operation name. A trace times each resolver, which compiled code does not run.
          if ((asked.operation as unknown) === undefined || isTraced(asked.request)) return null;
          const known = findCompiled(asked);
          const executed = known && (await execute(known, asked.request, asked.contextValue));
          if (executed === null) return null;
          // Apollo Server sets this after it executes an operation, and other plugins read it.
          if (executed.errors !== undefined) Object.assign(asked, { errors: executed.errors });
          return answer(executed.result);
        },
      }),
    },
    answerRepeated: async (request, contextValue) => {
      const known = operations.get(nameOperation(request));
      if (typeof known !== 'object' || request.extensions !== undefined || isTraced(request)) return null;
      const { document, operation, operationName, schema } = known;
      try {
        const resolved = { contextValue, document, operation, operationName, request, schema };
        for (const { didResolveOperation } of hooks) didResolveOperation?.(resolved);
      } catch {
        // Apollo Server calls the hooks again, and reports their errors.
        return null;
      }
      const executed = await execute(known, request, contextValue);
      if (executed === null) return null;
      const { result, errors } = executed;
      const response = answer(result);
      const answered = { contextValue, operation, request, requestIsBatched: false, response };
      for (const { willSendResponse } of hooks)
        willSendResponse?.(errors === undefined ? answered : { ...answered, errors });
      return response;
    },
  };
}

/** The result of an operation, and its errors before they were formatted. */
interface Executed {
  readonly result: FormattedExecutionResult;
  readonly errors: readonly GraphQLError[] | undefined;
}

function nameOperation({ query = '', operationName = '' }: GraphQLRequest): string {
  return `${operationName} ${query}`;
}

function answer(singleResult: FormattedExecutionResult): GraphQLResponse {
  return { body: { kind: 'single', singleResult }, http: { headers: new HeaderMap() } };
}

/**
 * Whether graphql-jit gives the same answer as graphql-js. It differs in these cases: It continues a mutation after a failed
 * field. It loses fields of a fragment that is spread twice under a condition. It reports null for a variable with a default
 * as an internal error. It turns a variable that is missing in an input object into null. It confuses fields named as
 * members of JavaScript objects with those members.
 */
export function canCompile(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): boolean {
  if (operation.operation !== OperationTypeNode.QUERY && !isMutationOfOneField(operation)) return false;
  let isPlain = true as boolean;
  const refuse = (): typeof BREAK => {
    isPlain = false;
    return BREAK;
  };
  const required = new Set(
    operation.variableDefinitions
      ?.filter(({ type }) => type.kind === Kind.NON_NULL_TYPE)
      .map(({ variable }) => variable.name.value),
  );
  const refuseOptional = ({ name }: VariableNode): void => {
    if (!required.has(name.value)) refuse();
  };
  visit(document, {
    Directive: refuse,
    ObjectValue: (value) => {
      visit(value, { Variable: refuseOptional });
    },
    VariableDefinition: ({ defaultValue }) => (defaultValue === undefined ? undefined : refuse()),
    Name: ({ value }) => (value in Object.prototype ? refuse() : undefined),
  });
  // With one member per list, whatever length the schema assumes, the cost is the size of the operation itself.
  const limits = { pageSize: 1, representations: 1, assumedSize: 1 };
  return isPlain && measureCost({ schema, document, operation, limits, variables: null }) <= MAX_COMPILED_COST;
}

function isMutationOfOneField({ operation, selectionSet: { selections } }: OperationDefinitionNode): boolean {
  return operation === OperationTypeNode.MUTATION && selections.length === 1 && selections[0]?.kind === Kind.FIELD;
}

/** Converts an error of graphql-jit, which lacks some members of a GraphQLError. */
function toGraphQLError({ loc }: DocumentNode): (error: GraphQLError) => GraphQLError {
  return ({ message, locations = [], path, originalError }) =>
    new GraphQLError(message, {
      path: path ?? null,
      originalError: originalError ?? null,
      ...(loc === undefined
        ? {}
        : { source: loc.source, positions: locations.map(createOffsetFinder(loc.source.body)) }),
    });
}

/** Returns a function from line and column to the offset in a text. */
function createOffsetFinder(text: string): (location: SourceLocation) => number {
  const starts = [0, ...[...text.matchAll(/\r\n|[\n\r]/g)].map((end) => end.index + end[0].length)];
  return ({ line, column }) => (starts[line - 1] ?? 0) + column - 1;
}
