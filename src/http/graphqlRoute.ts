import { isUtf8 } from 'node:buffer';
import { timingSafeEqual, createHash } from 'node:crypto';
import { type ApolloServer, type BaseContext, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { FormattedExecutionResult } from 'graphql';
import Negotiator from 'negotiator';
import { Unauthenticated } from '../auth/caller.ts';
import { Failure, logFailure } from './failures.ts';
import { codeOfAnswer, graphQLAnswerTo } from './graphqlErrors.ts';
import { failureOfRequest, reportOutcome } from './server.ts';

export interface GraphQLRouteOptions<TContext extends BaseContext> {
  readonly apollo: ApolloServer<TContext>;
  readonly contextOf: (request: FastifyRequest) => TContext;
  /** More operations than this in one request are turned away; 0: it must not be a batch at all. */
  readonly maxBatchedOperations: number;
  /** Run before the body is read. */
  readonly onRequest: onRequestAsyncHookHandler[];
}

/** Serves GraphQL over HTTP at `/graphql`. Whatever fails before Apollo Server has the request fails in its format. */
export async function addGraphQLRoute<TContext extends BaseContext>(
  server: FastifyInstance,
  { apollo, contextOf, maxBatchedOperations, onRequest }: GraphQLRouteOptions<TContext>,
): Promise<void> {
  await server.register(async (scope) => {
    scope.setErrorHandler(sendGraphQLFailure);
    takeJsonInUtf8(scope);
    scope.route({
      // Apollo Server answers for the methods that GraphQL over HTTP does not know.
      method: scope.supportedMethods,
      url: '/graphql',
      onRequest,
      handler: async (request, reply) => {
        requireAcceptable(request);
        if (Array.isArray(request.body) && request.body.length > maxBatchedOperations && maxBatchedOperations > 0) {
          throw new Failure('bad_request', `A batch must hold at most ${maxBatchedOperations} operations.`);
        }
        const response = await apollo.executeHTTPGraphQLRequest({
          httpGraphQLRequest: graphQLRequestOf(request),
          context: () => Promise.resolve(contextOf(request)),
        });
        for (const [name, value] of response.headers) reply.header(name, value);
        reply.code(response.status ?? 200);
        if (response.body.kind === 'chunked') throw new Error('The schema has no incremental delivery.');
        return reply.statusCode < 400 ? response.body.string : identified(response.body.string, request, reply);
      },
    });
  });
}

/** What is not UTF-8 would become replacement characters, and be stored as such. */
function takeJsonInUtf8(scope: FastifyInstance): void {
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (!isUtf8(body)) done(new Failure('bad_request', 'The body of the request is not UTF-8.'));
    else void parseJson(request, body.toString('utf8'), done);
  });
}

/** Apollo Server answers for what is no GraphQL request at all before anything of ours runs that knows the request. */
function identified(body: string, request: FastifyRequest, reply: FastifyReply): string {
  const identify = ({ errors, ...rest }: FormattedExecutionResult): object => ({
    ...(errors === undefined
      ? {}
      : {
          errors: errors.map((error) => ({
            ...error,
            extensions: {
              ...error.extensions,
              code: codeOfAnswer(reply.statusCode, error.extensions?.['code']),
              requestId: request.id,
            },
          })),
        }),
    ...rest,
  });
  const answer = JSON.parse(body) as FormattedExecutionResult | FormattedExecutionResult[];
  return JSON.stringify(Array.isArray(answer) ? answer.map(identify) : identify(answer));
}

/** The media types that an answer can have. */
const ANSWERS = ['application/json; charset=utf-8', 'application/graphql-response+json; charset=utf-8'];

/** Before anything is carried out: a client that can't take the answer would not learn that its item is cancelled. */
function requireAcceptable({ headers }: FastifyRequest): void {
  const { accept } = headers;
  if (accept === undefined || accept.trim() === '' || accept === '*/*' || accept === 'application/json') return;
  if (new Negotiator({ headers: { accept } }).mediaType(ANSWERS) === undefined) {
    throw new Failure('not_acceptable', `The answer can only be ${ANSWERS.join(' or ')}.`);
  }
}

/** Requires the secret that the router shares with this service, in `Router-Authorization`. */
export function requireRouterSecret(routerSecret: string): onRequestAsyncHookHandler {
  const expected = digest(routerSecret);
  return async (request) => {
    const given = request.headers['router-authorization'];
    if (typeof given !== 'string' || !timingSafeEqual(digest(given), expected)) {
      throw new Unauthenticated('The router did not identify itself');
    }
  };
}

/** Of equal length whatever is given, as the comparison in constant time needs it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function graphQLRequestOf(request: FastifyRequest): HTTPGraphQLRequest {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  const query = request.url.indexOf('?');
  return {
    method: request.method,
    headers,
    search: query === -1 ? '' : request.url.slice(query),
    body: request.body,
  };
}

function sendGraphQLFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const failure = failureOfRequest(error, request);
  logFailure(request.log, failure);
  reportOutcome(request, failure.code);
  const { status, body } = graphQLAnswerTo(failure, request.id);
  reply.code(status).headers(failure.headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
