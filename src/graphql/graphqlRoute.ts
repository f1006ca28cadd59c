import { isUtf8 } from 'node:buffer';
import { timingSafeEqual, createHash } from 'node:crypto';
import {
  type ApolloServer,
  type BaseContext,
  type GraphQLRequest,
  HeaderMap,
  type HTTPGraphQLRequest,
} from '@apollo/server';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  onRequestHookHandler,
} from 'fastify';
import type { FormattedExecutionResult } from 'graphql';
import { LRUCache } from 'lru-cache';
import Negotiator from 'negotiator';
import { Unauthenticated } from '../auth/caller.ts';
import { Failure, logFailure } from '../http/failures.ts';
import { codeOfAnswer, graphQLAnswerTo } from './errors.ts';
import { failureOfRequest, reportOutcome } from '../http/server.ts';

export interface GraphQLRouteOptions<TContext extends BaseContext> {
  readonly apollo: ApolloServer<TContext>;
  readonly contextOf: (request: FastifyRequest) => TContext;
  /** More operations than this in one request are turned away; 0: it must not be a batch at all. */
  readonly maxBatchedOperations: number;
  /** Run before the body is read. */
  readonly onRequest: (onRequestAsyncHookHandler | onRequestHookHandler)[];
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
        const mediaType = mediaTypeFor(request);
        if (Array.isArray(request.body) && request.body.length > maxBatchedOperations && maxBatchedOperations > 0) {
          throw new Failure('bad_request', `A batch must hold at most ${maxBatchedOperations} operations.`);
        }
        const http = httpRequestOf(request);
        const plain = plainRequestOf(http);
        const { status, headers, text } =
          plain === null
            ? await answerByHttp(apollo, http, () => contextOf(request))
            : await answer(apollo, { ...plain, http }, contextOf(request), mediaType);
        for (const [name, value] of headers) reply.header(name, value);
        reply.code(status);
        return status < 400 ? text : identified(text, request, reply);
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

interface Answer {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly text: string;
}

/** Apollo Server's own HTTP layer: for whatever clients may send. */
async function answerByHttp<TContext extends BaseContext>(
  apollo: ApolloServer<TContext>,
  httpGraphQLRequest: HTTPGraphQLRequest,
  contextOf: () => TContext,
): Promise<Answer> {
  const context = (): Promise<TContext> => Promise.resolve(contextOf());
  const { status = 200, headers, body } = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest, context });
  if (body.kind === 'chunked') throw new Error('The schema has no incremental delivery.');
  return { status, headers, text: body.string };
}

/** Without that layer, which reads the headers of each request anew: for what it has nothing against. */
async function answer<TContext extends BaseContext>(
  apollo: ApolloServer<TContext>,
  request: GraphQLRequest,
  contextValue: TContext,
  mediaType: string,
): Promise<Answer> {
  const { body, http } = await apollo.executeOperation(request, { contextValue });
  if (body.kind === 'incremental') throw new Error('The schema has no incremental delivery.');
  const { errors, data, extensions } = body.singleResult;
  http.headers.set('content-type', mediaType);
  return {
    status: http.status ?? 200,
    headers: http.headers,
    text: `${JSON.stringify({ errors, data, extensions })}\n`,
  };
}

const PLAIN_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

/** @returns the request as clients and routers send it, or null for any other, which Apollo Server may have to refuse. */
function plainRequestOf({ method, headers, body }: HTTPGraphQLRequest): GraphQLRequest | null {
  if (method !== 'POST' || !isRecord(body) || !PLAIN_TYPE.test(headers.get('content-type') ?? '')) return null;
  const { query, operationName = null, variables = null, extensions = null } = body;
  if (typeof query !== 'string' || query === '') return null;
  if (operationName !== null && typeof operationName !== 'string') return null;
  if (variables !== null && !isRecord(variables)) return null;
  if (extensions !== null && !isRecord(extensions)) return null;
  return {
    query,
    ...(operationName === null ? {} : { operationName }),
    ...(variables === null ? {} : { variables }),
    ...(extensions === null ? {} : { extensions }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The media types that an answer can have; the first where the client has no preference. */
const JSON_MEDIA_TYPE = 'application/json; charset=utf-8';
const ANSWERS = [JSON_MEDIA_TYPE, 'application/graphql-response+json; charset=utf-8'];

/** What `Accept` headers come down to; clients and routers send the same few. Node bounds their length. */
const mediaTypes = new LRUCache<string, string>({ max: 100 });

/**
 * The media type of the answer. It is asked for before anything is carried out: a client that can't take the answer would
 * not learn that its item is cancelled.
 */
function mediaTypeFor({ headers: { accept } }: FastifyRequest): string {
  if (accept === undefined || accept.trim() === '') return JSON_MEDIA_TYPE;
  let mediaType = mediaTypes.get(accept);
  if (mediaType === undefined) {
    mediaType = new Negotiator({ headers: { accept } }).mediaType(ANSWERS);
    if (mediaType === undefined) throw new Failure('not_acceptable', `The answer can only be ${ANSWERS.join(' or ')}.`);
    mediaTypes.set(accept, mediaType);
  }
  return mediaType;
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

function httpRequestOf(request: FastifyRequest): HTTPGraphQLRequest {
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
  logFailure(request.log, failure, request.id);
  reportOutcome(request, failure.code);
  const { status, body } = graphQLAnswerTo(failure, request.id);
  reply.code(status).headers(failure.headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
