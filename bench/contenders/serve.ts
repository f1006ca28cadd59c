import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CancelItem, Outcome } from './orderItems.ts';

/** Where a contender serves, without a path. */
export interface Served {
  readonly graphql: string;
  readonly rest: string;
}

/** Tells the benchmark where this contender serves, and ends it with the benchmark. */
export function announce(served: Served): void {
  process.on('disconnect', () => process.exit());
  process.send?.(served);
}

/** Serves both doors, or one, and says where. */
export async function listen(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The REST door of those that have no routes. */
export async function answerRest(
  request: IncomingMessage,
  response: ServerResponse,
  cancel: CancelItem,
): Promise<void> {
  const id = /^\/v0\/line_item\/([0-9a-f-]{36})\/cancel$/.exec(request.url ?? '')?.[1] ?? '';
  const body = await readJson<{ reason?: string }>(request);
  const { status, answer } = restAnswer(await cancel({ id, reason: body.reason ?? null, channel: 'rest' }));
  sendJson(response, answer, status);
}

export function restAnswer(outcome: Outcome): { status: number; answer: object } {
  if (outcome.code === 'CANCELLED') {
    const { id, cancelledAt, requestId } = outcome;
    return {
      status: 200,
      answer: { id, status: 'cancelled', cancelled_at: cancelledAt.toISOString(), request_id: requestId },
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
