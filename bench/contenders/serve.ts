import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CancelItem, Outcome } from './orderItems.ts';

/** The origins of a contender's doors. */
export interface DoorUrls {
  readonly graphql: string;
  readonly rest: string;
}

/** Reports the contender's URLs to the benchmark, and ends the contender together with the benchmark. */
export function announce(urls: DoorUrls): void {
  process.on('disconnect', () => process.exit());
  process.send?.(urls);
}

/** Starts an HTTP server on a free port and returns its URL. */
export async function listen(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The REST door for contenders without a router. */
export async function answerRest(
  request: IncomingMessage,
  response: ServerResponse,
  cancel: CancelItem,
): Promise<void> {
  const id = /^\/v0\/line_item\/([0-9a-f-]{36})\/cancel$/.exec(request.url ?? '')?.[1] ?? '';
  const body = await readJson<{ reason?: string }>(request);
  const { status, answer } = toRestAnswer(await cancel({ id, reason: body.reason ?? null, channel: 'rest' }));
  sendJson(response, answer, status);
}

export function toRestAnswer(outcome: Outcome): { status: number; answer: object } {
  if (outcome.code === 'CANCELLED') {
    const { id, quantity, cancelledAt, requestId } = outcome;
    return {
      status: 200,
      answer: {
        id,
        status: 'cancelled',
        quantity,
        remaining: 0,
        cancelled_at: cancelledAt.toISOString(),
        request_id: requestId,
      },
    };
  }
  const { code, message } = outcome;
  return code === 'NOT_FOUND'
    ? { status: 404, answer: { error_code: 'not_found', message } }
    : { status: 400, answer: { error_code: 'bad_request', message } };
}

export async function readJson<T>(request: IncomingMessage): Promise<T> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as T;
}

export function sendJson(response: ServerResponse, answer: object, status = 200): void {
  const body = JSON.stringify(answer);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
