import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../work/clock.ts';

/**
 * Lets every client read the last answer of its connection (lingering close). A server that closes a connection while the
 * client still sends a body makes the client's system discard the answer, for example a 413. So this ends only the
 * server's side and discards what arrives, until the body is whole.
 *
 * @param limitMs how long the rest of a body can take. Then the connection is closed.
 */
export function closeLingering(server: Server, limitMs: number, clock: Clock = systemClock): void {
  const latest = new WeakMap<Socket, IncomingMessage>();
  server.on('request', (request: IncomingMessage) => {
    latest.set(request.socket, request);
  });
  server.on('connection', (socket: Socket) => {
    const destroySoon = socket.destroySoon.bind(socket);
    // Node calls this method after an answer with `Connection: close`, and discards the rest of the request's body.
    socket.destroySoon = () => {
      const request = latest.get(socket);
      if (request === undefined || request.complete || request.destroyed) {
        destroySoon();
        return;
      }
      socket.end();
      const close = (): void => {
        socket.destroy();
      };
      const cancelTimer = clock.setTimer(close, limitMs, 'does not keep the process running');
      request.once('end', close);
      socket.once('close', cancelTimer);
    };
  });
}
