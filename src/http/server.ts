import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { errorBody, statusOf } from './errorBody.ts';
import { allowOrigins, type BrowserSafetyOptions, SAFETY_HEADERS } from './browserSafety.ts';
import { Failure, failureOf, logFailure, serviceUnavailable } from './failures.ts';
import { boundRequests, type RequestBounds } from './requestBounds.ts';
import { requestIdOf } from './requestId.ts';
import { reportRequest, type RequestReports, traceRequests } from './requestReports.ts';

export interface ServerOptions extends RequestBounds, BrowserSafetyOptions, RequestReports {
  /** A request with a larger body is turned away. */
  readonly bodyLimitBytes: number;
  /** Whether the service is about to stop, and turns new requests away. */
  readonly isDraining: () => boolean;
}

/** A GraphQL operation, as logs and metrics name it. */
export interface Operation {
  /** As the client calls it; null where it does not. */
  readonly name: string | null;
  /** `query`, `mutation` or `subscription`; null for several operations in one request. */
  readonly type: string | null;
  /** The one field at the top, or `several`. */
  readonly field: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where the request is no GraphQL operation, or not a valid one. */
    operation: Operation | null;
    /** How the request ended, for the log; undefined is told as `ok`. */
    outcomes: ReadonlySet<string> | undefined;
  }
}

/** How often Node looks for requests that take too long to arrive, in milliseconds. */
const ARRIVAL_CHECK_MS = 1_000;

/** How much longer than a request may take a connection may lie still: then its client does not read its answers. */
const IDLE_GRACE_MS = 1_000;

/** How long a client has to read why its connection ends, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/** Requests that a connection may have sent without having read the answers; clients that pipeline send a few. */
const MAX_PIPELINED_REQUESTS = 100;

/** Builds the HTTP server: request ids, one log line a request, errors in the documented form. It does not listen. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = options.logger;
  /** What is being served on a connection, and whether that is the last. */
  const answering = new WeakMap<Duplex, { readonly request: IncomingMessage; isLast: boolean }>();
  const server = Fastify({
    loggerInstance,
    // Not one for each request: what is logged of it names its id.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: (request) => requestIdOf(request.headers['traceparent']),
    requestTimeout: options.requestTimeoutMs,
    connectionTimeout: options.requestTimeoutMs + IDLE_GRACE_MS,
    bodyLimit: options.bodyLimitBytes,
    // Node would refuse a request without Host with an empty body: that is for us to say.
    http: {
      requireHostHeader: false,
      // Fastify sets it when Node has already taken its default for the head, which then bounds the body, too.
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(ARRIVAL_CHECK_MS, options.requestTimeoutMs),
      // Two tokens are none: whoever stands in front may have looked at the other one.
      joinDuplicateHeaders: true,
    },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    // A path parameter that is too long is a bad one, not an unknown path; Node bounds the whole head at 16 KiB.
    routerOptions: { maxParamLength: 16_384 },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return;
      // A connection that was opened in advance, as proxies do, and never used.
      if (isLate(error) && socket.bytesRead === 0) {
        socket.destroy();
        return;
      }
      const served = answering.get(socket);
      // Behind a request that has arrived whole: its answer comes first, and then nothing more.
      if (served?.request.complete === true) served.isLast = true;
      else endSoon(socket, malformedRequestResponse(error));
    },
    frameworkErrors: (error, request, reply) => {
      sendFailure(error, request, reply);
    },
  });
  server.decorateRequest('outcomes');
  server.decorateRequest('operation', null);
  // An expectation that is not known may be ignored (RFC 9110, section 10.1.1); Node would answer it without a body.
  server.server.on('checkExpectation', (request, response) => {
    server.server.emit('request', request, response);
  });
  // A path answers for a method that it does not take; the router would not know most of those that Node parses.
  for (const method of METHODS) {
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
  // Who has sent everything may close that side of the connection, and still wants the answer.
  Object.assign(server.server, { httpAllowHalfOpen: true });
  // Before any hook, which may take its time: what comes behind the request on its connection is read at once.
  server.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answering.set(request.socket, { request, isLast: false });
    boundPipeline(request.socket, response);
  });
  // Hooks that await nothing take a callback: a promise for each of them would be made for each request.
  traceRequests(server, options.tracing);
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...SAFETY_HEADERS, 'x-request-id': request.id });
    reply.raw.once('close', () => {
      // A client that hangs up does not end the work that it has asked for.
      if (request.work === null) reportRequest(options, request, reply);
      else
        void request.work
          .catch(() => undefined)
          .finally(() => {
            reportRequest(options, request, reply);
          });
    });
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      done(new Failure('bad_request', 'The request names no host.'));
    } else if (options.isDraining() && request.routeOptions.url !== '/health/live') {
      done(serviceUnavailable('The service is about to stop. Try again.'));
    } else done();
  });
  boundRequests(server, options, options.metrics.load(options.maxConcurrentRequests));
  server.addHook('onRequest', (request, _reply, done) => {
    // Before its body is read.
    done(request.is404 ? nothingHere() : undefined);
  });
  await allowOrigins(server, options);
  server.addHook('onSend', (_request, reply, _payload, done) => {
    // Or a client's idle connection would keep the service from ending.
    if (options.isDraining()) reply.header('connection', 'close');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    done();
  });
  server.addHook('onResponse', (request, _reply, done) => {
    const served = answering.get(request.raw.socket);
    if (served?.request === request.raw) {
      answering.delete(request.raw.socket);
      if (served.isLast) endSoon(request.raw.socket);
    }
    done();
  });
  server.setErrorHandler(sendFailure);
  server.setNotFoundHandler((request, reply) => {
    sendFailure(nothingHere(), request, reply);
  });
  return server;
}

function nothingHere(): Failure {
  return new Failure('not_found', 'There is nothing at this path.');
}

/** Answers with a failure in the form that holds outside `/graphql`, and logs the cause of one that is not the caller's. */
function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const failure = failureOfRequest(error, request);
  logFailure(request.log, failure, request.id);
  reportOutcome(request, failure.code);
  reply
    .code(statusOf(failure))
    .headers({ ...SAFETY_HEADERS, ...failure.headers, 'x-request-id': request.id })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(failure, request.id)));
}

/** As {@link failureOf}, for a request whose client may have hung up while it was sending: that is no fault of ours. */
export function failureOfRequest(error: unknown, { raw }: FastifyRequest): Failure {
  return raw.destroyed && !raw.complete
    ? new Failure('bad_request', 'The request did not arrive whole.', { cause: error })
    : failureOf(error);
}

/** The client may read what was written; it need not close its side for the connection to go. */
function endSoon(socket: Duplex, lastWords = ''): void {
  socket.end(lastWords);
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}

/** A client that sends without reading would fill the memory with answers. */
function boundPipeline(socket: Socket, response: ServerResponse): void {
  const unread = (unreadAnswers.get(socket) ?? 0) + 1;
  unreadAnswers.set(socket, unread);
  response.once('close', () => unreadAnswers.set(socket, (unreadAnswers.get(socket) ?? 1) - 1));
  if (unread > MAX_PIPELINED_REQUESTS) socket.destroy();
}

const unreadAnswers = new WeakMap<Socket, number>();

/** Notes how a request ended, for the log. */
export function reportOutcome(request: FastifyRequest, outcome: string): void {
  request.outcomes = new Set(request.outcomes).add(outcome);
}

function isLate(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

function defectOf(error: Error): string {
  if (isLate(error)) return 'The request did not arrive in time.';
  return 'code' in error && error.code === 'HPE_HEADER_OVERFLOW'
    ? 'The head of the request is too large.'
    : 'The request is not valid HTTP.';
}

/** For what Node's HTTP parser refuses, before there is a request to answer. */
function malformedRequestResponse(error: Error): string {
  const requestId = requestIdOf(undefined);
  const failure = new Failure('bad_request', defectOf(error));
  const body = JSON.stringify(errorBody(failure, requestId));
  return [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    ...Object.entries(SAFETY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
