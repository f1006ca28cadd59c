import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { waitFor } from './waitFor.ts';

/** A request that a receiver got. */
export interface Received {
  /** The path, which tells endpoints apart. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  // Tests assert what they read.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly event: any;
  /** The time of its arrival, of `performance.now`. */
  readonly at: number;
}

/** Answers a request: with a status, or by itself. */
export type Answering = (received: Received, response: ServerResponse) => number | undefined;

export interface WebhookReceiver {
  /** Its URL, without a path. */
  readonly url: string;
  /** The requests in the order of their arrival. */
  readonly received: Received[];
  /** Sets how requests for a path are answered from now on. Without it, they get 204. */
  readonly answer: (path: string, answering: Answering) => void;
  /** Waits for so many requests for a path, and returns them. */
  readonly untilReceived: (path: string, count: number) => Promise<Received[]>;
}

/** Starts an HTTP server that takes webhooks. The end of the test file stops it, so call this at the top level. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const answers = new Map<string, Answering>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const headers = request.headers as Record<string, string>;
      const one = { path, headers, body, event: JSON.parse(body), at: performance.now() };
      received.push(one);
      const status = (answers.get(path) ?? (() => 204))(one, response);
      if (status !== undefined) response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer: (path, answering) => {
      answers.set(path, answering);
    },
    untilReceived: (path, count) =>
      waitFor(`${count} requests for ${path}`, () => {
        const ofPath = received.filter((one) => one.path === path);
        return ofPath.length >= count && ofPath;
      }),
  };
}

/** Verifies a request with the library of its receiver. @throws if the signature is not that of the secret. */
export function verify(secret: string, { body, headers }: Received): void {
  new Webhook(secret).verify(body, headers);
}

/** Requires that an endpoint got the events of each item in the order of its cancels, apart from repetitions. */
export function expectInOrderOfItems(received: readonly Received[]): void {
  for (const [, ofItem] of Map.groupBy(received, ({ event }) => event.subject as string)) {
    const reached = ofItem.map(({ event }) => event.data.cancelledQuantity as number);
    expect(reached).toEqual(reached.toSorted((one, other) => one - other));
  }
}
