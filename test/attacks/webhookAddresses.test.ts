import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { checkEndpoint, type LookUpName } from '../../src/events/webhooks/endpointAddress.ts';
import { type AttemptResult, openWebhookClient } from '../../src/events/webhooks/sendWebhook.ts';
import { createSecret } from '../../src/events/webhooks/signatures.ts';
import { systemClock } from '../../src/work/clock.ts';

/* Server-side request forgery: an endpoint whose address leads into the network of the service, or an answer that harms it. */

const EVENT = { id: '01a22246-a9f5-7218-bc43-f70db0259f40' };

/** Sends an event to a URL. */
async function send(
  url: string,
  { allowPrivate = false, lookUp }: { allowPrivate?: boolean; lookUp?: LookUpName } = {},
  limitMs = 10_000,
): Promise<AttemptResult> {
  const client = openWebhookClient({ allowPrivate, ...(lookUp === undefined ? {} : { lookUp }) }, systemClock);
  try {
    return await client.send({ url, secrets: [createSecret()], event: EVENT }, limitMs);
  } finally {
    await client.close();
  }
}

/** A server on this machine that counts its connections. */
let connections = 0;
const paths: string[] = [];
let answer = (response: ServerResponse): void => {
  response.end();
};
const server = createServer((request, response) => {
  paths.push(request.url ?? '');
  answer(response);
}).on('connection', () => {
  connections += 1;
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const LOCAL = `http://127.0.0.1:${port}`;
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(() => {
  connections = 0;
  paths.length = 0;
});

describe.each([
  ['loopback', '127.0.0.1'],
  ['private 10/8', '10.1.2.3'],
  ['private 172.16/12', '172.16.0.1'],
  ['private 192.168/16', '192.168.1.1'],
  ['the link-local metadata service', '169.254.169.254'],
  ['carrier-grade NAT', '100.64.0.1'],
  ['this network', '0.0.0.0'],
  ['benchmarking', '198.18.0.1'],
  ['documentation', '203.0.113.7'],
  ['multicast', '224.0.0.1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['one decimal number', '2130706433'],
  ['octal digits', '0177.0.0.1'],
  ['hexadecimal digits', '0x7f.0.0.1'],
  ['two parts', '127.1'],
  ['a trailing dot', '127.0.0.1.'],
  ['full-width digits', '１２７.0.0.1'],
  ['IPv6 loopback', '[::1]'],
  ['IPv6 unspecified', '[::]'],
  ['IPv6 link-local', '[fe80::1]'],
  ['IPv6 unique local', '[fd00::1]'],
  ['IPv6 site-local', '[fec0::1]'],
  ['IPv6 multicast', '[ff02::1]'],
  ['IPv6 documentation', '[2001:db8::1]'],
  ['IPv6 outside of global unicast', '[4000::1]'],
  ['a mapped address', '[::ffff:127.0.0.1]'],
  ['a mapped private address in hexadecimal', '[::ffff:a00:1]'],
  ['an IPv4-compatible address', '[::127.0.0.1]'],
  ['a translated address', '[::ffff:0:10.0.0.1]'],
  ['NAT64 of a private address', '[64:ff9b::10.0.0.1]'],
  ['local NAT64', '[64:ff9b:1::8.8.8.8]'],
  ['6to4 of a private address', '[2002:a00:1::1]'],
  ['Teredo', '[2001::1]'],
])('%s (%s)', (_name, host) => {
  const url = `https://${host}:${port}/`;

  test('is refused when it is added', async () => {
    await expect(checkEndpoint(url, { allowPrivate: false })).rejects.toThrow('is not public');
  });

  test('is refused when it is sent to, without a connection', async () => {
    expect(await send(url)).toMatchObject({ status: null, error: expect.stringContaining('is not public') });
    expect(connections).toBe(0);
  });

  test('is refused as the answer of a name server', async () => {
    const address = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const lookUp: LookUpName = () => Promise.resolve([{ address, family: net.isIPv6(address) ? 6 : 4 }]);
    await expect(checkEndpoint('https://name.example/', { allowPrivate: false, lookUp })).rejects.toThrow(
      'is not public',
    );
    expect(await send(`https://name.example:${port}/`, { lookUp })).toMatchObject({ status: null });
    expect(connections).toBe(0);
  });
});

test.each([
  ['public IPv4', '8.8.8.8'],
  ['public IPv6', '[2606:4700:4700::1111]'],
  ['a mapped public address', '[::ffff:8.8.8.8]'],
  ['NAT64 of a public address', '[64:ff9b::8.8.8.8]'],
])('%s is allowed', async (_name, host) => {
  expect((await checkEndpoint(`https://${host}/`, { allowPrivate: false })).host).not.toBe('');
});

test('a name that resolves anew between check and connection (DNS rebinding) is refused', async () => {
  let lookups = 0;
  const lookUp: LookUpName = () =>
    Promise.resolve([{ address: (lookups += 1) === 1 ? '8.8.8.8' : '127.0.0.1', family: 4 }]);
  const url = `https://rebinding.example:${port}/`;
  await checkEndpoint(url, { allowPrivate: false, lookUp });
  expect(await send(url, { lookUp })).toMatchObject({ status: null, error: 'its address 127.0.0.1 is not public' });
  expect([lookups, connections]).toEqual([2, 0]);
});

test('the connection uses the address that was checked, and asks for no other', async () => {
  let lookups = 0;
  const lookUp: LookUpName = () => {
    lookups += 1;
    return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  };
  // No name server knows this name.
  expect(await send(`http://name.invalid:${port}/`, { allowPrivate: true, lookUp })).toMatchObject({ status: 200 });
  expect([lookups, connections]).toEqual([1, 1]);
});

test('a name with a public and a private address is refused, in either order', async () => {
  const addresses = [
    { address: '8.8.8.8', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ];
  for (const found of [addresses, addresses.toReversed()]) {
    expect(await send(`https://both.example:${port}/`, { lookUp: () => Promise.resolve(found) })).toMatchObject({
      error: 'its address 127.0.0.1 is not public',
    });
  }
  expect(connections).toBe(0);
});

test.each([
  'http://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'example.com',
  '',
])('the URL %j is refused', async (url) => {
  await expect(checkEndpoint(url, { allowPrivate: false })).rejects.toThrow(/must begin with https|is not a URL/);
  expect(await send(url)).toMatchObject({ status: null });
});

test.each(['https://user:secret@example.com/', 'https://user@example.com/'])(
  'credentials in the URL %s are refused, and not repeated',
  async (url) => {
    for (const allowPrivate of [false, true]) {
      await expect(checkEndpoint(url, { allowPrivate })).rejects.toThrow(
        /^its URL must hold no user name and no password$/,
      );
    }
  },
);

test('a redirect is not followed', async () => {
  answer = (response) => {
    response.writeHead(307, { location: `${LOCAL}/inside` }).end();
  };
  expect(await send(`${LOCAL}/`, { allowPrivate: true })).toMatchObject({ status: 307 });
  expect(paths).toEqual(['/']);
});

test.each(['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'http_proxy'])('a proxy from %s is not used', async (name) => {
  answer = (response) => {
    response.end();
  };
  const proxy = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  let proxied = 0;
  proxy.on('connection', () => (proxied += 1));
  process.env[name] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    expect(await send(`${LOCAL}/`, { allowPrivate: true })).toMatchObject({ status: 200 });
  } finally {
    Reflect.deleteProperty(process.env, name);
    proxy.close();
  }
  expect(proxied).toBe(0);
});

describe('an answer', () => {
  test('that never begins ends with the time limit', async () => {
    answer = () => undefined;
    expect(await send(LOCAL, { allowPrivate: true }, 300)).toMatchObject({ status: null, error: 'timeout' });
  });

  test('whose head comes a byte at a time ends with the time limit', async () => {
    const slow = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 200 OK\r\n');
      const dripping = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => {
        clearInterval(dripping);
      });
    });
    slow.listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    expect(await send(url, { allowPrivate: true }, 500)).toMatchObject({ status: null, error: 'timeout' });
    slow.close();
    await once(slow, 'close');
  });

  test('without an end is cut off, and its connection closed', async () => {
    const closed = Promise.withResolvers<undefined>();
    let sent = 0;
    answer = (response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(65_536);
      const write = (): void => {
        while (response.write(chunk)) sent += chunk.length;
      };
      response.on('drain', write).on('close', () => {
        closed.resolve(undefined);
      });
      write();
    };
    expect(await send(LOCAL, { allowPrivate: true })).toMatchObject({ status: 200 });
    await closed.promise;
    // What the buffers of both ends hold.
    expect(sent).toBeLessThan(20 * 1_048_576);
  });

  test('whose body stands still is cut off with the time limit', async () => {
    answer = (response) => {
      response.writeHead(500).write('{');
    };
    const { status, durationMs } = await send(LOCAL, { allowPrivate: true }, 500);
    expect(status).toBe(500);
    expect(durationMs).toBeLessThan(10_000);
  });

  test('with huge headers is refused', async () => {
    answer = (response) => {
      response.writeHead(200, { large: 'x'.repeat(20_000) }).end();
    };
    expect(await send(LOCAL, { allowPrivate: true })).toMatchObject({
      status: null,
      error: 'UND_ERR_HEADERS_OVERFLOW',
    });
  });

  test('that is no HTTP is refused, and not repeated in the log of deliveries', async () => {
    const odd = net.createServer((socket) => socket.end('SECRET\r\n\r\n').on('error', () => undefined));
    odd.listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const { status, error } = await send(`http://127.0.0.1:${(odd.address() as AddressInfo).port}`, {
      allowPrivate: true,
    });
    expect(status).toBeNull();
    expect(error).not.toContain('SECRET');
    odd.close();
  });
});
