import type { ApolloServerOptionsWithGateway, BaseContext } from '@apollo/server';
import {
  BREAK,
  type DocumentNode,
  execute,
  type ExecutionArgs,
  getVariableValues,
  GraphQLError,
  type GraphQLSchema,
  OperationTypeNode,
  type SourceLocation,
  visit,
} from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { costOf } from './operationCost.ts';

type Gateway = ApolloServerOptionsWithGateway<BaseContext>['gateway'];
type Executor = NonNullable<Awaited<ReturnType<Gateway['load']>>['executor']>;
type Request = Parameters<Executor>[0];
type Result = Awaited<ReturnType<Executor>>;

/** Routers send the same few operations again and again; whatever else comes is interpreted. */
const MAX_COMPILED_OPERATIONS = 500;

/** Fragments are written out for the compiler: what is short to send can be long to compile. Real operations cost tens. */
const MAX_COMPILED_COST = 500;

/** As the cache knows an operation that it has seen once, and one that it must not compile. */
const SEEN = 'seen';
const INTERPRETED = 'interpreted';

/**
 * Carries out operations for Apollo Server, which takes an executor where it would take a gateway. An operation that comes a
 * second time is compiled (https://github.com/zalando-incubator/graphql-jit); graphql-js carries out all others, and is
 * the judge of what the answer must be.
 *
 * @param schema what Apollo Server validates against, and may instrument for traces.
 * @param compiledSchema the same schema once more, which nobody instruments.
 */
export function compiledExecution(schema: GraphQLSchema, compiledSchema: GraphQLSchema): Gateway {
  const operations = new LRUCache<string, CompiledQuery | typeof SEEN | typeof INTERPRETED>({
    max: MAX_COMPILED_OPERATIONS,
  });

  const compiledOf = (request: Request): CompiledQuery | null => {
    // No operation has the name that was asked for, which is for graphql-js to say.
    if ((request.operation as unknown) === undefined) return null;
    const { operationName } = request.request;
    const key = `${request.queryHash} ${operationName ?? ''}`;
    const known = operations.get(key);
    if (known === undefined) {
      operations.set(key, SEEN);
    } else if (known === SEEN) {
      // Also where compiling it throws.
      operations.set(key, INTERPRETED);
      const compiled = canCompile(schema, request)
        ? compileQuery(compiledSchema, request.document, operationName)
        : null;
      if (compiled !== null && isCompiledQuery(compiled)) operations.set(key, compiled);
    }
    const operation = operations.get(key);
    return typeof operation === 'object' ? operation : null;
  };

  return {
    load: async () => ({ executor: (request) => carryOut(schema, request, compiledOf(request)) }),
    onSchemaLoadOrUpdate: (callback) => {
      callback({ apiSchema: schema, coreSupergraphSdl: '' });
      return () => undefined;
    },
    stop: async () => undefined,
  };
}

/**
 * Whether graphql-jit is known to answer as graphql-js does: for queries as routers send them. What it does otherwise: it
 * goes on with a mutation after a field that failed; it loses fields of a fragment that is spread twice, under a condition;
 * it words null for a variable with a default as a fault of ours, makes null of one that is left out of an input object, and
 * takes names of JavaScript's own objects for these.
 */
function canCompile(schema: GraphQLSchema, { document, operation }: Request): boolean {
  if (operation.operation !== OperationTypeNode.QUERY) return false;
  let isPlain = true as boolean;
  const refuse = (): typeof BREAK => {
    isPlain = false;
    return BREAK;
  };
  visit(document, {
    Directive: refuse,
    ObjectValue: refuse,
    VariableDefinition: ({ defaultValue }) => (defaultValue === undefined ? undefined : refuse()),
    Name: ({ value }) => (value in Object.prototype ? refuse() : undefined),
  });
  // As if every list had one member: what is left is the operation's own size.
  const limits = { pageSize: 1, representations: 1 };
  return isPlain && costOf({ schema, document, operation, limits, variables: null }) <= MAX_COMPILED_COST;
}

async function carryOut(schema: GraphQLSchema, request: Request, compiled: CompiledQuery | null): Promise<Result> {
  const { context, document, operation } = request;
  const { operationName, variables = {}, http } = request.request;
  // For a trace, each resolver is timed, which compiled ones are not.
  if (compiled === null || http?.headers.get('apollo-federation-include-trace') === 'ftv1') {
    const args: ExecutionArgs = { schema, document, contextValue: context, variableValues: variables };
    return execute({ ...args, operationName });
  }
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables, { maxErrors: 50 });
  if (errors !== undefined) return { errors };
  const result = (await compiled.query(undefined, context, variables)) as Result;
  return result.errors === undefined ? result : { ...result, errors: result.errors.map(asOfGraphQL(document)) };
}

/** graphql-jit's errors look like those of graphql-js and lack some of their members. */
function asOfGraphQL({ loc }: DocumentNode): (error: GraphQLError) => GraphQLError {
  return ({ message, locations = [], path, originalError }) =>
    new GraphQLError(message, {
      path: path ?? null,
      originalError: originalError ?? null,
      ...(loc === undefined ? {} : { source: loc.source, positions: locations.map(offsetIn(loc.source.body)) }),
    });
}

/** Where a line and a column are in a text. */
function offsetIn(text: string): (location: SourceLocation) => number {
  const starts = [0, ...[...text.matchAll(/\r\n|[\n\r]/g)].map((end) => end.index + end[0].length)];
  return ({ line, column }) => (starts[line - 1] ?? 0) + column - 1;
}
