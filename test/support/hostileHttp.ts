import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type Door = 'rest' | 'graphql';

export const DOORS: readonly [Door][] = [['rest'], ['graphql']];

const MUTATION =
  'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename ... on CancelOrderItemRefusal { message } } }';

/** Returns the body of a GraphQL cancel. */
export function cancelDocument(input: object): string {
  return JSON.stringify({ query: MUTATION, variables: { input } });
}

/** Returns the raw text of a cancel with additional header lines. Each character is a byte, as in Latin-1. */
export function rawCancel(
  door: Door,
  id: string,
  lines: readonly string[],
  { query = '', extra = {} }: { readonly query?: string; readonly extra?: object } = {},
): Buffer {
  const body =
    door === 'rest'
      ? JSON.stringify({ reason: 'Late', ...extra })
      : JSON.stringify({ ...(JSON.parse(cancelDocument({ id, reason: 'Late' })) as object), ...extra });
  const target = door === 'rest' ? `/v0/line_item/${id}/cancel` : '/graphql';
  return rawRequest(`POST ${target}${query}`, [...lines, 'Content-Type: application/json'], body);
}

export function rawRequest(start: string, lines: readonly string[], body = ''): Buffer {
  const head = [`${start} HTTP/1.1`, 'Host: x', ...lines, `Content-Length: ${Buffer.byteLength(body)}`, '', ''];
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), Buffer.from(body)]);
}

/** A connection that collects everything until the service closes it, cleanly or not. */
export interface Hostile {
  readonly socket: Socket;
  readonly received: () => string;
  /** Everything received. Resolves when the connection has ended. */
  readonly ended: Promise<string>;
}

export async function openHostile(url: string): Promise<Hostile> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (received += chunk)).on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    socket.once('close', () => {
      resolve(received);
    });
  });
  await Promise.race([once(socket, 'connect').catch(() => undefined), ended]);
  return { socket, received: () => received, ended };
}

/** Writes a raw request, closes its side, and returns everything until the service closes the connection. */
export async function exchange(url: string, request: string | Uint8Array): Promise<string> {
  const { socket, ended } = await openHostile(url);
  socket.write(request);
  return ended;
}

/** Writes headers and chunks until the service answers or closes the connection. Returns what was received. */
export async function pour(url: string, head: string, chunk: string, times: number): Promise<string> {
  const { socket, received, ended } = await openHostile(url);
  socket.write(head);
  for (let written = 0; written < times && received() === '' && !socket.destroyed; written += 1) {
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => undefined), ended]);
    // Gives the event loop a turn to read.
    await new Promise(setImmediate);
  }
  return ended;
}

/** Returns the statuses of the received answers. An answer begins right after the body of the one before. */
export function statusesIn(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}
