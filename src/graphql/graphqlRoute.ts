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
import { findUnsupportedEncoding } from '../http/bodyEncoding.ts';
import { Failure, logFailure } from '../http/failures.ts';
import type { CompiledExecution } from './compiledExecution.ts';
import { correctCode, type ReportContext, toGraphQLResponse } from './errors.ts';
import { sendEventStream, type SubscriptionServing, wantsEventStream } from './eventStream.ts';
import { toRequestFailure, reportOutcome } from '../http/server.ts';
import { createTurns } from '../work/turns.ts';

interface Executors<TContext extends BaseContext> extends Pick<CompiledExecution<TContext>, 'answerRepeated'> {
  readonly apollo: ApolloServer<TContext>;
}

export interface GraphQLRouteOptions<TContext extends ReportContext>
  extends Executors<TContext>, SubscriptionServing<TContext> {
  /** The limit of operations in one HTTP request. 0 refuses batches. */
  readonly maxBatchedOperations: number;
  /** Names who sent a request. Callers share the time for new documents equally. */
  readonly nameCaller: (request: FastifyRequest) => string;
  /** Hooks that run before the body is read. */
  readonly onRequest: (onRequestAsyncHookHandler | onRequestHookHandler)[];
}

/** Serves GraphQL over HTTP at `/graphql`. Failures before Apollo Server runs have the format of GraphQL, too. */
export async function addGraphQLRoute<TContext extends ReportContext>(
  server: FastifyInstance,
  options: GraphQLRouteOptions<TContext>,
): Promise<void> {
  const { apollo, answerRepeated, createContext, maxBatchedOperations, nameCaller, onRequest } = options;
  const waitForTurn = createTurns();
  /** Long documents that Apollo Server has seen and may still know. */
  const seen = new LRUCache<string, true>({
    max: 1_000,
    maxSize: MAX_SEEN_LENGTH,
    sizeCalculation: (_, text) => text.length,
  });
  await server.register(async (scope) => {
    scope.setErrorHandler(sendGraphQLFailure);
    requireUtf8Json(scope);
    scope.route({
      // Apollo Server answers 405 to methods that GraphQL over HTTP does not define.
      method: scope.supportedMethods,
      url: '/graphql',
      onRequest,
      handler: async (request, reply) => {
        if (wantsEventStream(request)) return sendEventStream(request, reply, options);
        const mediaType = negotiateMediaType(request);
        if (Array.isArray(request.body) && request.body.length > maxBatchedOperations && maxBatchedOperations > 0) {
          throw new Failure('bad_request', `A batch must hold at most ${maxBatchedOperations} operations.`);
        }
        const documents = readDocuments(request);
        const isLongAndNew = documents.length > LONG_DOCUMENT && seen.get(documents) === undefined;
        if (isLongAndNew) await waitForTurn({ flow: nameCaller(request), weight: documents.length });
        const http = toHttpGraphQLRequest(request);
        const plain = readPlainRequest(http);
        const { status, headers, text } =
          plain === null
            ? await answerWithHttpLayer(apollo, http, () => createContext(request))
            : await answerPlainRequest(
                { apollo, answerRepeated },
                { ...plain, http },
                createContext(request),
                mediaType,
              );
        // Apollo Server forgets a document that is invalid.
        if (isLongAndNew && status < 400) seen.set(documents, true);
        for (const [name, value] of headers) reply.header(name, value);
        reply.code(status);
        return status < 400 ? text : addRequestId(text, request, reply);
      },
    });
  });
}

/** Refuses a body that is not UTF-8. Its replacement characters would be stored in reasons and notes. */
function requireUtf8Json(scope: FastifyInstance): void {
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const unsupported = findUnsupportedEncoding(request.headers);
    if (unsupported !== null) done(unsupported);
    else if (!isUtf8(body)) done(new Failure('bad_request', 'The body of the request is not UTF-8.'));
    else void parseJson(request, body.toString('utf8'), done);
  });
}

/** Adds the request id to errors of a response. Apollo Server refuses malformed requests before any plugin runs. */
function addRequestId(body: string, request: FastifyRequest, reply: FastifyReply): string {
  const identify = ({ errors, ...rest }: FormattedExecutionResult): object => ({
    ...(errors === undefined
      ? {}
      : {
          errors: errors.map((error) => ({
            ...error,
            extensions: {
              ...error.extensions,
              code: correctCode(reply.statusCode, error.extensions?.['code']),
              requestId: request.id,
            },
          })),
        }),
    ...rest,
  });
  const answer = JSON.parse(body) as FormattedExecutionResult | FormattedExecutionResult[];
  return JSON.stringify(Array.isArray(answer) ? answer.map(identify) : identify(answer));
}

/** Parsing and validating a document takes about 4 ms for each 1,000 characters. Longer new documents take turns. */
const LONG_DOCUMENT = 1_000;
const MAX_SEEN_LENGTH = 4_000_000;

/** Returns the documents of all operations in a request. */
function readDocuments({ body, url }: FastifyRequest): string {
  if (isRecord(body)) return typeof body['query'] === 'string' ? body['query'] : '';
  if (!Array.isArray(body)) return url;
  return body.map((one: unknown) => (isRecord(one) && typeof one['query'] === 'string' ? one['query'] : '')).join('\n');
}

interface Answer {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly text: string;
}

/** Answers with Apollo Server's HTTP layer, which handles every kind of request. */
async function answerWithHttpLayer<TContext extends BaseContext>(
  apollo: ApolloServer<TContext>,
  httpGraphQLRequest: HTTPGraphQLRequest,
  createContext: () => TContext,
): Promise<Answer> {
  const context = (): Promise<TContext> => Promise.resolve(createContext());
  const { status = 200, headers, body } = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest, context });
  if (body.kind === 'chunked') throw new Error('The schema has no incremental delivery.');
  return { status, headers, text: body.string };
}

/** Answers a plain request without Apollo Server's HTTP layer, which parses the headers once more. */
async function answerPlainRequest<TContext extends BaseContext>(
  { apollo, answerRepeated }: Executors<TContext>,
  request: GraphQLRequest,
  contextValue: TContext,
  mediaType: string,
): Promise<Answer> {
  const { body, http } =
    (await answerRepeated(request, contextValue)) ?? (await apollo.executeOperation(request, { contextValue }));
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

/** @returns a request in the form that clients and routers send, or null for others, which Apollo Server can refuse. */
function readPlainRequest({ method, headers, body }: HTTPGraphQLRequest): GraphQLRequest | null {
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

/** The media types of an answer. The first is the default. */
const JSON_MEDIA_TYPE = 'application/json; charset=utf-8';
const ANSWERS = [JSON_MEDIA_TYPE, 'application/graphql-response+json; charset=utf-8'];

/** Caches the results of `Accept` headers, of which clients send a few. Node bounds their length. */
const mediaTypes = new LRUCache<string, string>({ max: 100 });

/**
 * Negotiates the media type before anything runs. Otherwise a client that accepts no answer would not learn that its item is
 * cancelled.
 *
 * @throws Failure `not_acceptable`
 */
function negotiateMediaType({ headers: { accept } }: FastifyRequest): string {
  if (accept === undefined || accept.trim() === '') return JSON_MEDIA_TYPE;
  let mediaType = mediaTypes.get(accept);
  if (mediaType === undefined) {
    mediaType = new Negotiator({ headers: { accept } }).mediaType(ANSWERS);
    if (mediaType === undefined) throw new Failure('not_acceptable', `The answer can only be ${ANSWERS.join(' or ')}.`);
    mediaTypes.set(accept, mediaType);
  }
  return mediaType;
}

/** Creates a hook that requires the shared secret of the router in `Router-Authorization`. */
export function requireRouterSecret(routerSecret: string): onRequestAsyncHookHandler {
  const expected = digest(routerSecret);
  return async (request) => {
    const given = request.headers['router-authorization'];
    if (typeof given !== 'string' || !timingSafeEqual(digest(given), expected)) {
      throw new Unauthenticated('The router did not identify itself');
    }
  };
}

/** Returns a digest of fixed length, which the constant-time comparison needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function toHttpGraphQLRequest(request: FastifyRequest): HTTPGraphQLRequest {
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
  const failure = toRequestFailure(error, request);
  logFailure(request.log, failure, request.id);
  reportOutcome(request, failure.code);
  const { status, body } = toGraphQLResponse(failure, request.id);
  reply.code(status).headers(failure.headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
