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
import { toErrorBody, toHttpStatus } from './errorBody.ts';
import { allowOrigins, type BrowserSafetyOptions, SAFETY_HEADERS } from './browserSafety.ts';
import { Failure, toFailure, logFailure, serviceUnavailable } from './failures.ts';
import { closeLingering } from './lingeringClose.ts';
import { boundRequests, type RequestBounds } from './requestBounds.ts';
import { createRequestId } from './requestId.ts';
import { reportRequest, type RequestReports, traceRequests } from './requestReports.ts';
import { type Clock, systemClock } from '../work/clock.ts';

export interface ServerOptions extends RequestBounds, BrowserSafetyOptions, RequestReports {
  /** The limit of a request body. */
  readonly bodyLimitBytes: number;
  /** Whether the service is stopping and refuses new requests. */
  readonly isDraining: () => boolean;
}

/** A GraphQL operation in logs and metrics. */
export interface Operation {
  /** The client's name for the operation, or null. */
  readonly name: string | null;
  /** `query`, `mutation` or `subscription`. Null for a batch of operations. */
  readonly type: string | null;
  /** The root field, or `several`. */
  readonly field: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null if the request is not a valid GraphQL operation. */
    operation: Operation | null;
    /** The outcomes of the request, for the log. Undefined counts as `ok`. */
    outcomes: ReadonlySet<string> | undefined;
  }
}

/** How often Node looks for requests that arrive too slowly (slowloris). */
const ARRIVAL_CHECK_MS = 1_000;

/** A connection that is idle this much longer than the request timeout has a client that does not read its answers. */
const IDLE_GRACE_MS = 1_000;

/** How long a client can read the final answer before its connection is closed. */
const LINGER_MS = 1_000;

/** The limit of unread answers on a connection. Clients that pipeline requests need a few. */
const MAX_PIPELINED_REQUESTS = 100;

/**
 * Builds the HTTP server with request ids, one log line per request, and errors in the documented form. It does not listen.
 */
export async function createServer(options: ServerOptions, clock: Clock = systemClock): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = options.logger;
  /** The latest request of each connection, whether the connection closes after it, and whether it has its answer. */
  const latest = new WeakMap<Duplex, { readonly request: IncomingMessage; isLast: boolean; isAnswered: boolean }>();
  const server = Fastify({
    loggerInstance,
    // One logger for all requests is cheaper. Each log line names the request id.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: (request) => createRequestId(request.headers['traceparent']),
    requestTimeout: options.requestTimeoutMs,
    connectionTimeout: options.requestTimeoutMs + IDLE_GRACE_MS,
    bodyLimit: options.bodyLimitBytes,
    // Node would refuse a request without Host with an empty body. A hook below refuses it in the documented form.
    http: {
      requireHostHeader: false,
      // Fastify sets this too late for Node's limit of the headers, which then bounds the body, too.
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(ARRIVAL_CHECK_MS, options.requestTimeoutMs),
      // Joins duplicate headers, so that two tokens are invalid. A proxy in front could have checked the other one.
      joinDuplicateHeaders: true,
    },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    // A path parameter that is too long is invalid, not an unknown path. Node limits all headers to 16 KiB.
    routerOptions: { maxParamLength: 16_384 },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return;
      // A proxy opened the connection in advance and never used it.
      if (isLate(error) && socket.bytesRead === 0) {
        socket.destroy();
        return;
      }
      const served = latest.get(socket);
      const isOfServed = served?.request.complete === false;
      // The rest of a request that was answered early is late or malformed. A second answer would belong to no request.
      if (isOfServed && served.isAnswered) closeSoon(socket, clock);
      // The malformed request follows a complete one, which still gets its answer. Then the connection closes.
      else if (served !== undefined && !isOfServed && !served.isAnswered) served.isLast = true;
      else closeSoon(socket, clock, writeMalformedRequestResponse(error));
    },
    frameworkErrors: (error, request, reply) => {
      sendFailure(error, request, reply);
    },
  });
  server.decorateRequest('outcomes');
  server.decorateRequest('operation', null);
  // RFC 9110, section 10.1.1, allows ignoring an unknown expectation. Node would answer it without a body.
  server.server.on('checkExpectation', (request, response) => {
    server.server.emit('request', request, response);
  });
  closeLingering(server.server, options.requestTimeoutMs, clock);
  // A known path answers 405 for every method that Node can parse. The router knows only a few of them.
  for (const method of METHODS) {
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
  // A client can close its sending side after the request, and still waits for the answer.
  Object.assign(server.server, { httpAllowHalfOpen: true });
  // Node's event comes before any hook. Pipelined requests arrive while hooks still run.
  server.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    latest.set(request.socket, { request, isLast: false, isAnswered: false });
    boundPipeline(request.socket, response);
  });
  // Hooks that await nothing use callbacks, which saves one promise per hook and request.
  traceRequests(server, options.tracing);
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...SAFETY_HEADERS, 'x-request-id': request.id });
    reply.raw.once('close', () => {
      // The work goes on after the client hangs up, so its report waits for the work.
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
  boundRequests(server, options, options.metrics.load(options.maxConcurrentRequests), clock);
  server.addHook('onRequest', (request, _reply, done) => {
    // This hook runs before the body is read.
    done(request.is404 ? createNotFound() : undefined);
  });
  await allowOrigins(server, options);
  server.addHook('onSend', (_request, reply, _payload, done) => {
    // An idle connection would delay the end of the service.
    if (options.isDraining()) reply.header('connection', 'close');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    done();
  });
  server.addHook('onResponse', (request, _reply, done) => {
    const served = latest.get(request.raw.socket);
    if (served?.request === request.raw) {
      served.isAnswered = true;
      if (served.isLast) closeSoon(request.raw.socket, clock);
    }
    done();
  });
  server.setErrorHandler(sendFailure);
  server.setNotFoundHandler((request, reply) => {
    sendFailure(createNotFound(), request, reply);
  });
  return server;
}

function createNotFound(): Failure {
  return new Failure('not_found', 'There is nothing at this path.');
}

/** Answers with a failure in the format outside `/graphql`. Logs the cause if the service is responsible. */
function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const failure = toRequestFailure(error, request);
  logFailure(request.log, failure, request.id);
  reportOutcome(request, failure.code);
  reply
    .code(toHttpStatus(failure))
    .headers({ ...SAFETY_HEADERS, ...failure.headers, 'x-request-id': request.id })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(toErrorBody(failure, request.id)));
}

/** Maps an error as {@link toFailure} does. If the client hung up while it sent the request, the failure is the client's. */
export function toRequestFailure(error: unknown, { raw }: FastifyRequest): Failure {
  return raw.destroyed && !raw.complete
    ? new Failure('bad_request', 'The request did not arrive whole.', { cause: error })
    : toFailure(error);
}

/** Closes a connection. The client has {@link LINGER_MS} to read the final answer, even if it never closes its side. */
function closeSoon(socket: Duplex, clock: Clock, finalAnswer = ''): void {
  socket.end(finalAnswer);
  clock.setTimer(() => socket.destroy(), LINGER_MS, 'does not keep the process running');
}

/** Closes the connection of a client that sends without reading, because unread answers would fill the memory. */
function boundPipeline(socket: Socket, response: ServerResponse): void {
  const unread = (unreadAnswers.get(socket) ?? 0) + 1;
  unreadAnswers.set(socket, unread);
  response.once('close', () => unreadAnswers.set(socket, (unreadAnswers.get(socket) ?? 1) - 1));
  if (unread > MAX_PIPELINED_REQUESTS) socket.destroy();
}

const unreadAnswers = new WeakMap<Socket, number>();

/** Records an outcome of a request, for log and metrics. */
export function reportOutcome(request: FastifyRequest, outcome: string): void {
  request.outcomes = new Set(request.outcomes).add(outcome);
}

function isLate(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

function describeDefect(error: Error): string {
  if (isLate(error)) return 'The request did not arrive in time.';
  return 'code' in error && error.code === 'HPE_HEADER_OVERFLOW'
    ? 'The head of the request is too large.'
    : 'The request is not valid HTTP.';
}

/** Writes the answer to a request that Node's HTTP parser refuses. */
function writeMalformedRequestResponse(error: Error): string {
  const requestId = createRequestId(undefined);
  const failure = new Failure('bad_request', describeDefect(error));
  const body = JSON.stringify(toErrorBody(failure, requestId));
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
