import Fastify from 'fastify';
import { explainListenError, listen } from '../../src/http/listen.ts';

describe('listen', () => {
  test('returns the URL with the port that the operating system chose', async () => {
    await using server = Fastify();
    const url = await listen(server, { host: '127.0.0.1', port: 0 });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect((await fetch(url)).status).toBe(404);
  });

  test('names the address and the variable when the port is in use', async () => {
    await using first = Fastify();
    const port = Number(new URL(await listen(first, { host: '127.0.0.1', port: 0 })).port);
    await using second = Fastify();
    await expect(listen(second, { host: '127.0.0.1', port })).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: the port is in use. Set PORT.`,
    );
  });

  test('names the variable when the address belongs to another machine', async () => {
    await using server = Fastify();
    // RFC 5737 reserves this address for documentation, so no machine has it.
    await expect(listen(server, { host: '192.0.2.1', port: 0 })).rejects.toThrow(
      'Cannot listen on 192.0.2.1:0: this machine does not have the address. Set HOST.',
    );
  });

  test.each([
    ['EACCES', 'Cannot listen on [::1]:80: this user cannot open the port. Set PORT to 1024 or higher.'],
    ['ENOTFOUND', 'Cannot listen on [::1]:80: the host name does not resolve. Set HOST.'],
    ['EMFILE', 'Cannot listen on [::1]:80. Check HOST and PORT.'],
  ])('explains %s and keeps it as the cause', (code, message) => {
    const cause = Object.assign(new Error('listen'), { code });
    const explained = explainListenError(cause, { host: '::1', port: 80 });
    expect(explained.message).toBe(message);
    expect(explained.cause).toBe(cause);
  });
});
