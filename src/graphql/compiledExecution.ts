import {
  type ApolloServerPlugin,
  type BaseContext,
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
import { costOf } from './operationCost.ts';

/** Routers send the same few operations again and again; whatever else comes is interpreted. */
const MAX_COMPILED_OPERATIONS = 500;

/** Fragments are written out for the compiler: what is short to send can be long to compile. Real operations cost tens. */
const MAX_COMPILED_COST = 500;

/** As the cache knows an operation that it has seen once, and one that it must not compile. */
const SEEN = 'seen';
const INTERPRETED = 'interpreted';

/** An operation that Apollo Server is about to carry out. */
type Asked<TContext extends BaseContext> = GraphQLRequestContextResponseForOperation<TContext>;

/**
 * Carries out, in the place of Apollo Server, the queries that come again: compiled
 * (https://github.com/zalando-incubator/graphql-jit). All else is left to graphql-js, which is the judge of what the answer
 * must be.
 *
 * @param schema of its own: Apollo Server's may be instrumented for traces.
 * @param formatError as Apollo Server has it.
 */
export function compiledExecution<TContext extends BaseContext>(
  schema: GraphQLSchema,
  formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError,
): ApolloServerPlugin<TContext> {
  const operations = new LRUCache<string, CompiledQuery | typeof SEEN | typeof INTERPRETED>({
    max: MAX_COMPILED_OPERATIONS,
  });

  const compiledOf = (asked: Asked<TContext>): CompiledQuery | null => {
    const { queryHash, document, operation, request } = asked;
    const key = `${queryHash} ${request.operationName ?? ''}`;
    const known = operations.get(key);
    if (typeof known === 'object') return known;
    if (known === undefined) operations.set(key, SEEN);
    if (known !== SEEN) return null;
    // Also where compiling it throws.
    operations.set(key, INTERPRETED);
    if (!canCompile(schema, document, operation)) return null;
    const compiled = compileQuery(schema, document, request.operationName);
    if (!isCompiledQuery(compiled)) return null;
    operations.set(key, compiled);
    return compiled;
  };

  return {
    requestDidStart: async () => ({
      responseForOperation: async (asked) => {
        // No operation has the name that was asked for, which is for graphql-js to say. For a trace, each resolver is timed.
        if ((asked.operation as unknown) === undefined || isTraced(asked.request)) return null;
        const compiled = compiledOf(asked);
        if (compiled === null) return null;
        const { variables = {} } = asked.request;
        // graphql-jit would take some values that do not fit.
        const definitions = asked.operation.variableDefinitions ?? [];
        if (getVariableValues(schema, definitions, variables, { maxErrors: 1 }).errors !== undefined) return null;
        const { data, errors } = (await compiled.query(undefined, asked.contextValue, variables)) as ExecutionResult;
        // graphql-jit has something against the variables, and nothing was done yet.
        if (data === undefined) return null;
        if (errors === undefined) return answer({ data });
        const errorsOfGraphQL = errors.map(asOfGraphQL(asked.document));
        // As Apollo Server does where it carries out the operation.
        Object.assign(asked, { errors: errorsOfGraphQL });
        return answer({ data, errors: errorsOfGraphQL.map((error) => formatError(error.toJSON(), error)) });
      },
    }),
  };
}

function answer(singleResult: FormattedExecutionResult): GraphQLResponse {
  return { body: { kind: 'single', singleResult }, http: { headers: new HeaderMap() } };
}

/**
 * Whether graphql-jit is known to answer as graphql-js does: for operations as routers send them. What it does otherwise: it
 * goes on with a mutation after a field that failed; it loses fields of a fragment that is spread twice, under a condition;
 * it words null for a variable with a default as a fault of ours, makes null of one that is left out of an input object, and
 * takes names of JavaScript's own objects for these.
 */
function canCompile(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): boolean {
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
  // As if every list had one member: what is left is the operation's own size.
  const limits = { pageSize: 1, representations: 1 };
  return isPlain && costOf({ schema, document, operation, limits, variables: null }) <= MAX_COMPILED_COST;
}

function isMutationOfOneField({ operation, selectionSet: { selections } }: OperationDefinitionNode): boolean {
  return operation === OperationTypeNode.MUTATION && selections.length === 1 && selections[0]?.kind === Kind.FIELD;
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
