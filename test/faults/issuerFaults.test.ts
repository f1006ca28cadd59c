import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createTokenVerifier } from '../../src/auth/tokenVerifier.ts';
import { AUDIENCE, type Behavior, ChangingIssuer, isForKeys, newKey } from '../support/changingIssuer.ts';
import { DOORS, type Door, rawCancel } from '../support/hostileHttp.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { expectError } from '../support/restContract.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { type RestAnswer, startTestService, type TestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

const MINUTE_MS = 60_000;
/** Longer than the service keeps keys without asking for them again. */
const PAST_KEYS_MS = 11 * MINUTE_MS;

const realNow = Date.now;
const realPerformanceNow = performance.now.bind(performance);
afterEach(() => {
  Date.now = realNow;
  performance.now = realPerformanceNow;
});

/** From now on, it is this much later for all that looks at the clock in this process. */
function laterBy(ms: number): void {
  Date.now = () => realNow() + ms;
  performance.now = () => realPerformanceNow() + ms;
}

/** Where redirects lead to. */
const elsewhere = createServer((request, response) => {
  asked += 1;
  faulty.answer(request, response);
}).listen(0, '127.0.0.1');
let asked = 0;
afterAll(() => elsewhere.close());

const send =
  (status: number, body: string): Behavior =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
/** Misbehaves when it is asked for keys, and names them as it should. */
const forKeys =
  (misbehavior: Behavior): Behavior =>
  (request, response) => {
    if (isForKeys(request)) misbehavior(request, response);
    else faulty.answer(request, response);
  };
const hang: Behavior = () => undefined;
const hangUp: Behavior = (request) => request.socket.destroy();
const redirect: Behavior = (request, response) => {
  const { port } = elsewhere.address() as AddressInfo;
  response.writeHead(302, { location: `http://127.0.0.1:${port}${request.url ?? ''}` }).end();
};
const dribble: Behavior = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 50_000_000 });
  const drip = setInterval(() => response.write(' '.repeat(10_000)), 20);
  response.once('close', () => {
    clearInterval(drip);
  });
};
const deluge: Behavior = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  pipeline(Readable.from(Array.from({ length: 50 }, () => 'x'.repeat(1_000_000))), response, () => undefined);
};

const faults: [string, Behavior][] = [
  ['hangs', hang],
  ['hangs up', hangUp],
  ['answers 500', send(500, '{"keys":[]}')],
  ['answers garbage', send(200, '<html>502</html>')],
  ['answers null', send(200, 'null')],
  ['answers an array', send(200, '[]')],
  ['redirects', redirect],
  ['answers 50 MB slowly', dribble],
  ['answers 50 MB that are no JSON', deluge],
];

/** Faults of the OpenID configuration, and faults of the keys that it names. */
const coldFaults: [string, Behavior][] = [
  ...faults,
  ...faults.map(([name, fault]): [string, Behavior] => [`${name} when asked for keys`, forKeys(fault)]),
  ['names no keys', send(200, '{"issuer":"x"}')],
  ['names keys that are nowhere', send(200, '{"jwks_uri":"nonsense"}')],
  ['names keys in a file', send(200, '{"jwks_uri":"file:///etc/passwd"}')],
  ['answers a key set that is none', forKeys(send(200, '{"keys":"all"}'))],
  ['answers a key set of nulls', forKeys(send(200, '{"keys":[null]}'))],
  ['answers an empty key set', forKeys(send(200, '{"keys":[]}'))],
];

const database = await createTestDatabase();
const shared = { DATABASE_URL: database.url };
const faulty = await ChangingIssuer.start();
const warm = await startTestService({ ...faulty.environment, ...shared });
const cold: TestService[] = [];
for (const _fault of coldFaults) cold.push(await startTestService({ ...faulty.environment, ...shared }));
const absent = await ChangingIssuer.start();
const hopeful = await startTestService({ ...absent.environment, ...shared });
const flooded = await ChangingIssuer.start();
const steady = await startTestService({ ...flooded.environment, ...shared });
const rotating = await ChangingIssuer.start();
const follower = await startTestService({ ...rotating.environment, ...shared });
const { dataSource } = warm;
afterAll(() => database.drop());

async function cancelThrough(door: Door, service: TestService, token: string): Promise<RestAnswer> {
  const id = await anOrderItem(dataSource);
  return sendRaw(service.url, rawCancel(door, id, [`Authorization: Bearer ${token}`]));
}

async function cancelThroughAllDoors(service: TestService, token: string): Promise<number[]> {
  const answers = await Promise.all(DOORS.map(([door]) => cancelThrough(door, service, token)));
  return answers.map(({ status }) => status);
}

function expectUnavailable(door: Door, answer: RestAnswer): void {
  if (door === 'rest') expectError(answer, 503, 'service_unavailable');
  else
    expect(answer).toMatchObject({ status: 503, body: { errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] } });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

describe('an issuer that', () => {
  beforeAll(async () => {
    expect(await cancelThroughAllDoors(warm, faulty.token())).toEqual([200, 200]);
  });
  afterEach(() => {
    faulty.misbehavior = null;
  });

  test.each(coldFaults.map(([name, fault], index) => [name, fault, index] as const))(
    '%s: 503 for unknown keys, until it recovers',
    async (_, fault, index) => {
      const service = cold[index] ?? warm;
      faulty.misbehavior = fault;
      await Promise.all(
        DOORS.map(async ([door]) => {
          const id = await anOrderItem(dataSource);
          const answer = await sendRaw(service.url, rawCancel(door, id, [`Authorization: Bearer ${faulty.token()}`]));
          expectUnavailable(door, answer);
          expect(await findCancellations(dataSource, [id])).toEqual([]);
        }),
      );
      expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
      faulty.misbehavior = null;
      await waitFor(
        'a cancel after the recovery',
        async () => (await cancelThrough('rest', service, faulty.token())).status === 200,
      );
    },
  );

  test.each(faults)(
    '%s: known keys keep working, unknown ones get 503, and new ones work after it recovers',
    async (_, fault) => {
      hours += 1;
      laterBy(hours * 60 * MINUTE_MS);
      expect(await cancelThroughAllDoors(warm, faulty.token())).toEqual([200, 200]);
      const unknown = newKey(crypto.randomUUID());
      faulty.misbehavior = fault;
      laterBy(hours * 60 * MINUTE_MS + PAST_KEYS_MS);
      expect(await cancelThroughAllDoors(warm, faulty.token())).toEqual([200, 200]);
      expect(await cancelThroughAllDoors(warm, faulty.token({}, {}, unknown))).toEqual([503, 503]);
      expect(await cancelThroughAllDoors(warm, faulty.token())).toEqual([200, 200]);

      faulty.misbehavior = null;
      faulty.keys.push(unknown);
      laterBy(hours * 60 * MINUTE_MS + 2 * PAST_KEYS_MS);
      expect(await cancelThroughAllDoors(warm, faulty.token({}, {}, unknown))).toEqual([200, 200]);
    },
  );
  let hours = 0;

  test('redirects: the target is never contacted (SSRF)', () => {
    expect(asked).toBe(0);
  });

  test('is down at first: 503, then service as soon as it is up', async () => {
    await absent.goAway();
    for (const [door] of DOORS) expectUnavailable(door, await cancelThrough(door, hopeful, absent.token()));
    await absent.comeBack();
    await waitFor(
      'a cancel with the issuer up',
      async () => (await cancelThrough('graphql', hopeful, absent.token())).status === 200,
    );
    expect(await cancelThroughAllDoors(hopeful, absent.token())).toEqual([200, 200]);
  });
});

describe('a flood of 200 tokens with random keys', () => {
  const flood = (): Promise<number[]> =>
    Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const stranger = newKey(crypto.randomUUID());
        return (await cancelThrough(index % 2 === 0 ? 'rest' : 'graphql', steady, flooded.token({}, {}, stranger)))
          .status;
      }),
    );

  test('contacts a healthy issuer at most twice', async () => {
    expect(new Set(await flood())).toEqual(new Set([401]));
    expect(new Set(await flood())).toEqual(new Set([401]));
    expect(flooded.requests).toBeLessThanOrEqual(2);
    expect(await cancelThroughAllDoors(steady, flooded.token())).toEqual([200, 200]);
    expect(flooded.requests).toBeLessThanOrEqual(2);
  });

  test('contacts a failing issuer at most twice, and serves tokens with a known key', async () => {
    const before = flooded.requests;
    flooded.misbehavior = hang;
    laterBy(MINUTE_MS);
    const [statuses, known] = await Promise.all([flood(), cancelThroughAllDoors(steady, flooded.token())]);
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(known).toEqual([200, 200]);
    expect(new Set(await flood())).toEqual(new Set([503]));
    expect(flooded.requests - before).toBeLessThanOrEqual(2);
    flooded.misbehavior = null;
  });
});

describe('keys', () => {
  test('rotate without a restart, and a withdrawn key stops working', async () => {
    const [old = newKey('')] = rotating.keys;
    const remembered = rotating.token({}, {}, old);
    expect(await cancelThroughAllDoors(follower, remembered)).toEqual([200, 200]);
    const next = newKey('key-2');
    rotating.keys.push(next);
    laterBy(MINUTE_MS);
    expect(await cancelThroughAllDoors(follower, rotating.token({}, {}, next))).toEqual([200, 200]);
    expect(await cancelThroughAllDoors(follower, rotating.token({}, {}, old))).toEqual([200, 200]);

    rotating.keys.shift();
    laterBy(MINUTE_MS + PAST_KEYS_MS);
    expect(await cancelThroughAllDoors(follower, rotating.token({}, {}, next))).toEqual([200, 200]);
    expect(await cancelThroughAllDoors(follower, rotating.token({}, {}, old))).toEqual([401, 401]);
    expect(await cancelThroughAllDoors(follower, remembered)).toEqual([401, 401]);
  });
});

describe('a cached token', () => {
  test('expires after its exp plus 5 s of tolerance', async () => {
    const exp = Math.floor(realNow() / 1_000) + 60;
    const token = warmToken({ exp });
    expect(await cancelThroughAllDoors(warm, token)).toEqual([200, 200]);
    Date.now = () => (exp + 5) * 1_000 - 1;
    expect(await cancelThroughAllDoors(warm, token)).toEqual([200, 200]);
    Date.now = () => (exp + 5) * 1_000;
    const id = await anOrderItem(dataSource);
    const answer = await sendRaw(warm.url, rawCancel('rest', id, [`Authorization: Bearer ${token}`]));
    expectError(answer, 401, 'unauthorized', 'The token has expired');
    expect(await findCancellations(dataSource, [id])).toEqual([]);
    expect(await cancelThroughAllDoors(warm, token)).toEqual([401, 401]);
  });

  test('that arrives within the tolerance is refused after it', async () => {
    const exp = Math.floor(realNow() / 1_000) - 1;
    const token = warmToken({ exp });
    expect(await cancelThroughAllDoors(warm, token)).toEqual([200, 200]);
    Date.now = () => (exp + 5) * 1_000;
    expect(await cancelThroughAllDoors(warm, token)).toEqual([401, 401]);
  });

  const warmToken = (claims: object): string => faulty.token({ ...claims }, {}, faulty.keys[0]);

  test('is evicted by newer tokens, because the cache is bounded', async () => {
    const first = rotating.token();
    const auth = { issuer: rotating.url, audience: AUDIENCE, jwksUrl: null, customerClaim: null };
    const verify = createTokenVerifier(auth, () => undefined);
    const padding = 'x'.repeat(5_500);
    const tokens = Array.from({ length: 1_400 }, (_, index) => rotating.token({ padding, sub: `caller-${index}` }));
    for (const token of [first, ...tokens]) await verify(`Bearer ${token}`);
    // Its key withdrawn, a token is good for no other reason than that it is remembered.
    rotating.keys.splice(0, rotating.keys.length, newKey('key-3'));
    Date.now = () => realNow() + PAST_KEYS_MS;
    await verify(`Bearer ${rotating.token()}`);
    const refused = { state: 'refused', defect: expect.stringContaining('key that its issuer does not publish') };
    expect(await verify(`Bearer ${tokens.at(-1) ?? ''}`)).toMatchObject({ caller: { subject: 'caller-1399' } });
    expect(await verify(`Bearer ${first}`)).toEqual(refused);
    expect(await verify(`Bearer ${tokens[0] ?? ''}`)).toEqual(refused);
  });
});
