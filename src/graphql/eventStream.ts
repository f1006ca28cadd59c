import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ExecutionResult, getOperationAST, OperationTypeNode, parse } from 'graphql';
import { createHandler } from 'graphql-sse';
import { serviceUnavailable } from '../http/failures.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import type { ReportContext } from './errors.ts';
import { type OpenStreams, toEndFailure } from './openStreams.ts';
import type { Subscribe } from './subscriptionExecution.ts';

/** What both ways to subscribe need. */
export interface SubscriptionServing<TContext extends ReportContext> {
  readonly subscribe: Subscribe<TContext>;
  readonly streams: OpenStreams;
  /** Takes a place among the readers that wait. Null if none is free. */
  readonly takePlace: () => (() => void) | null;
  /** @param drop ends the stream of a reader that is too slow. Undefined for a request without a stream. */
  readonly createContext: (request: FastifyRequest, drop?: () => void) => TContext;
}

/** What clients send as `Accept` to follow a subscription. */
const EVENT_STREAM = 'text/event-stream';

/** How long a client that is too slow can take to read why its stream ends. */
const LINGER_MS = 1_000;

/** Looking for the operation reads no more tokens. */
const MAX_TOKENS = 10_000;

/** Whether a request asks for an event stream. A client that also takes JSON gets one for a subscription only. */
export function wantsEventStream({ headers: { accept = '' }, body }: FastifyRequest): boolean {
  if (!accept.toLowerCase().includes(EVENT_STREAM)) return false;
  return !/json|\*\/\*/i.test(accept) || isSubscription(body);
}

function isSubscription(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || !('query' in body) || typeof body.query !== 'string') return false;
  if (!body.query.includes('subscription')) return false;
  const name = 'operationName' in body && typeof body.operationName === 'string' ? body.operationName : null;
  try {
    const document = parse(body.query, { maxTokens: MAX_TOKENS, noLocation: true });
    return getOperationAST(document, name)?.operation === OperationTypeNode.SUBSCRIPTION;
  } catch {
    return false;
  }
}

/** Sends the results of a subscription as server-sent events, in the distinct connections mode of graphql-sse. */
export async function sendEventStream<TContext extends ReportContext>(
  request: FastifyRequest,
  reply: FastifyReply,
  { subscribe, streams, takePlace, createContext }: SubscriptionServing<TContext>,
  clock: Clock = systemClock,
): Promise<FastifyReply> {
  const leave = takePlace();
  if (leave === null) throw serviceUnavailable('Too many readers wait for events. Try again.');
  const { socket } = request.raw;
  const begun = clock.now();
  const abort = new AbortController();
  const expiresAtS = request.identity?.state === 'valid' ? request.identity.expiresAtS : 0;
  const { end, forget } = streams.add(expiresAtS, (reason) => {
    abort.abort(toEndFailure(reason));
    clock.setTimer(
      () => {
        if (!reply.raw.writableFinished) socket.destroy();
      },
      LINGER_MS,
      'does not keep the process running',
    );
  });
  const drop = (): void => {
    end('reader too slow');
  };
  // A client that is gone looks the same as one that only sends no more. Nothing else would tell until the next event.
  const hangUp = (): void => {
    socket.destroy();
  };
  socket.once('end', hangUp);
  reply.raw.once('close', () => {
    socket.off('end', hangUp);
    request.waitedMs += clock.now() - begun;
    forget();
    leave();
  });
  request.leaveLoad();
  socket.setTimeout(0);
  const backpressure = createBackpressure();
  const handle = createHandler({
    authenticate: () => null,
    onSubscribe: async (_, { query, operationName, variables }) => {
      const subscribed = await subscribe({
        query,
        ...(operationName == null ? {} : { operationName }),
        ...(variables == null ? {} : { variables }),
        contextValue: createContext(request, drop),
        createContext: () => createContext(request, drop),
        signal: abort.signal,
      });
      const results = 'next' in subscribed ? subscribed : yieldOnce(subscribed);
      // The library writes errors as JSON, so those that are formatted will do.
      return results as AsyncGenerator<ExecutionResult, void, undefined>;
    },
    onNext: backpressure.wait,
  });
  const [body, { status, headers }] = await handle({
    method: request.method,
    url: request.url,
    headers: { get: (name) => (name === 'accept' ? EVENT_STREAM : request.headers[name]?.toString()) },
    body: request.body as Record<string, unknown> | null,
    raw: request.raw,
    context: undefined,
  });
  reply.code(status).headers({ ...headers, 'cache-control': 'no-store' });
  if (body === null || typeof body === 'string') return reply.send(body);
  return reply.send(Readable.from(backpressure.follow(body), { objectMode: false, highWaterMark: 1 }));
}

/** The library keeps what the client has not read. It is asked to wait for each part, so that it keeps one. */
function createBackpressure() {
  let resolveTaken: (() => void) | null = null;
  let taken = Promise.resolve();
  return {
    wait: async (): Promise<void> => {
      await taken;
      taken = new Promise((resolve) => {
        resolveTaken = resolve;
      });
    },
    async *follow(parts: AsyncGenerator<string, void, undefined>): AsyncGenerator<string, void, undefined> {
      try {
        for await (const part of parts) {
          yield part;
          resolveTaken?.();
        }
      } finally {
        resolveTaken?.();
      }
    },
  };
}

async function* yieldOnce<T>(value: T): AsyncGenerator<T, void, undefined> {
  await Promise.resolve();
  yield value;
}
