import { documentedExample } from '../support/openApi.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { cancel, CANCEL, expectError } from '../support/restContract.ts';
import { type RestAnswer, startTestService } from '../support/testService.ts';

const LIMIT = 3;
const service = await startTestService({ RATE_LIMIT_PER_MINUTE: String(LIMIT) });
const { dataSource } = service;

/** Uses up the requests that a caller has in this minute. Null stands for a caller without a token. */
async function useUp(token: string | null): Promise<void> {
  for (let i = 0; i < LIMIT; i += 1) {
    expect((await cancel(service, 'nonsense', { token })).status).toBe(token === null ? 401 : 400);
  }
}

function expectTooMany(answer: RestAnswer): void {
  expectError(answer, 429, 'too_many_requests', 'Too many requests. Slow down.');
  const retryAfter = Number(answer.headers.get('retry-after'));
  expect(retryAfter).toBeGreaterThanOrEqual(1);
  expect(retryAfter).toBeLessThanOrEqual(60);
}

describe('429: too many requests', () => {
  test('refuses the request after the last one allowed and writes nothing', async () => {
    const token = await service.token({ subject: 'hasty' });
    const id = await anOrderItem(dataSource);
    await useUp(token);
    expectTooMany(await expectNothingWritten(dataSource, () => cancel(service, id, { token })));
    expect((await findOrderItem(dataSource, id))?.status).toBe('pending');
    expect(documentedExample('POST', CANCEL, 429, 'tooManyRequests')).toMatchObject({
      message: 'Too many requests. Slow down.',
    });
  });

  test('counts each subject on its own, over all its tokens', async () => {
    await useUp(await service.token({ subject: 'busy' }));
    expectTooMany(
      await cancel(service, 'nonsense', { token: await service.token({ subject: 'busy', scope: 'other' }) }),
    );
    const id = await anOrderItem(dataSource);
    expect((await cancel(service, id, { token: await service.token({ subject: 'patient' }) })).status).toBe(200);
  });

  test('counts GraphQL and REST requests together', async () => {
    const token = await service.token({ subject: 'both' });
    await useUp(token);
    const { status, headers, errors } = await service.graphql('{ __typename }', {}, token);
    expect(status).toBe(429);
    expect(errors).toEqual([
      {
        message: 'Too many requests. Slow down.',
        extensions: { code: 'TOO_MANY_REQUESTS', requestId: headers.get('x-request-id') },
      },
    ]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  test('counts callers without a valid token by address, apart from callers with one', async () => {
    await useUp(null);
    expectTooMany(await cancel(service, 'nonsense', { token: null }));
    expectTooMany(await cancel(service, 'nonsense', { token: 'no.such.token' }));
    const id = await anOrderItem(dataSource);
    expect((await cancel(service, id, { token: await service.token({ subject: 'neighbor' }) })).status).toBe(200);
  });

  test('does not count probes and reads of the OpenAPI document', async () => {
    for (const path of ['/health/live', '/health/ready', '/v0/openapi.json']) {
      for (let i = 0; i <= LIMIT; i += 1) expect((await fetch(service.url + path)).status).toBe(200);
    }
  });
});
