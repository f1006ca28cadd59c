import { cancelDocument, pour, rawRequest, statusesIn } from '../support/hostileHttp.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { expectDocumented } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { CANCEL, expectError, VALIDATION_FAILED } from '../support/restContract.ts';
import { type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource, url } = service;
const authorization = `Authorization: Bearer ${await service.token()}`;
const JSON_TYPE = 'Content-Type: application/json';

/** What text is not expected to hold, and as UTF-8 in a header or a path, where it can stand there. */
const characters: [string, string][] = [
  ['SOH', '\u0001'],
  ['BEL', '\u0007'],
  ['ESC', '\u001b[31m'],
  ['CR LF', '\r\nX-Injected: yes'],
  ['DEL', '\u007f'],
  ['PAD (C1)', '\u0080'],
  ['NEL (C1)', '\u0085'],
  ['CSI (C1)', '\u009b31m'],
  ['APC (C1)', '\u009f'],
  ['line separator', '\u2028'],
  ['paragraph separator', '\u2029'],
  ['right-to-left override', '\u202e'],
  ['zero width joiner', '\u200d'],
  ['byte order mark', '\ufeff'],
  ['a noncharacter', '\uffff'],
  ['a character beyond the first plane', '\u{1f4a9}'],
];
const unstorable: [string, string][] = [
  ['NUL', '\u0000'],
  ['half of a surrogate pair', '\ud800'],
  ['the other half', '\udc00'],
  ['a surrogate pair the wrong way round', '\udc00\ud800'],
];

function post(path: string, body: string, lines: readonly string[] = []): Promise<RestAnswer> {
  return sendRaw(url, rawRequest(`POST ${path}`, [authorization, JSON_TYPE, ...lines], body));
}

/** As JSON has it, escaped: lone surrogates have no other way in. */
function escaped(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

async function cancelWith(body: string, lines: readonly string[] = []): Promise<RestAnswer & { id: string }> {
  const id = await anOrderItem(dataSource);
  const answer = await post(`/v0/line_item/${id}/cancel`, body, lines);
  expectDocumented('POST', CANCEL, answer);
  return { ...answer, id };
}

async function askToCancel(input: object): Promise<RestAnswer['body']> {
  const answer = await post('/graphql', escaped(JSON.parse(cancelDocument(input))));
  expect(answer.status).toBe(200);
  expect(answer.body.errors).toBeUndefined();
  return answer.body.data.cancelOrderItem;
}

describe('in a reason and a note', () => {
  test.each(characters)('%s is kept as it came, through both doors', async (_, text) => {
    const stated = { reason: `a${text}b`, note: `c${text}d` };
    const { status, id } = await cancelWith(escaped(stated));
    expect(status).toBe(200);
    const otherId = await anOrderItem(dataSource);
    expect(await askToCancel({ id: otherId, ...stated })).toEqual({ __typename: 'CancelOrderItemSuccess' });
    for (const row of await findCancellations(dataSource, [id, otherId])) expect(row).toMatchObject(stated);
  });

  test.each(unstorable)('%s is refused, through both doors', async (_, text) => {
    const message = expect.stringContaining('has a character that is not allowed (NUL or half of a surrogate pair)');
    for (const stated of [{ reason: `a${text}b` }, { reason: 'Late', note: `c${text}d` }]) {
      const id = await anOrderItem(dataSource);
      await expectNothingWritten(dataSource, async () => {
        const answer = await post(`/v0/line_item/${id}/cancel`, escaped(stated));
        expectError(answer, 400, 'bad_request', message);
        expect(await askToCancel({ id, ...stated })).toEqual({ __typename: 'InvalidCancelRequest', message });
      });
    }
  });

  test.each([...characters.slice(0, 4), ['NUL', '\u0000']])(
    '%s not escaped is no JSON, or text',
    async (_, text = '') => {
      const { status } = await cancelWith(`{"reason":"a${text}b"}`);
      expect(status).toBe(400);
      expect((await post('/graphql', `{"query":"{ __typename }","x":"${text}"}`)).status).toBe(400);
    },
  );
});

describe('in an id', () => {
  test.each([...characters, ...unstorable])('%s: not found', async (_, text) => {
    for (const hostile of [text, `0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f${text}`]) {
      const encoded = Buffer.from(hostile)
        .toString('hex')
        .replace(/../g, (byte) => `%${byte}`);
      const answer = await post(`/v0/line_item/${encoded}/cancel`, '');
      expectDocumented('POST', CANCEL, answer);
      expectError(answer, 400, 'bad_request', expect.stringContaining(VALIDATION_FAILED));
      expect(await askToCancel({ id: hostile, reason: 'Late' })).toMatchObject({ __typename: 'InvalidCancelRequest' });
      const query = 'query($id: ID!) { orderItem(id: $id) { id } }';
      const read = await post('/graphql', escaped({ query, variables: { id: hostile } }));
      expect(read).toMatchObject({ status: 200, body: { data: { orderItem: null } } });
      expect(read.body.errors).toBeUndefined();
    }
  });

  test.each([['%ED%A0%80'], ['%C0%80'], ['%FF'], ['%80'], ['%'], ['%u0041']])('%s in a path: 400', async (text) => {
    const answer = await post(`/v0/line_item/${text}/cancel`, '');
    expectDocumented('POST', CANCEL, answer);
    expectError(answer, 400, 'bad_request');
  });
});

describe('in a header', () => {
  const names = ['Idempotency-Key', 'traceparent', 'User-Agent', 'Content-Type', 'Accept', 'X-Anything'];
  const encode = (text: string): string => Buffer.from(text).toString('latin1');
  const cases = names.flatMap((name) =>
    characters.filter(([, text]) => !text.includes('\r')).map(([what, text]) => [name, what, text] as const),
  );

  test.each(cases)('%s with %s: a documented answer, and no other header', async (name, _, text) => {
    const id = await anOrderItem(dataSource);
    const lines = [authorization, ...(name === 'Content-Type' ? [] : [JSON_TYPE]), `${name}: a${encode(text)}b`];
    const answer = await sendRaw(url, rawRequest(`POST /v0/line_item/${id}/cancel`, lines, '{"reason":"Late"}'));
    expectDocumented('POST', CANCEL, answer);
    expect([200, 400, 415]).toContain(answer.status);
    expect(await findCancellations(dataSource, [id])).toHaveLength(answer.status === 200 ? 1 : 0);
    const graphql = await sendRaw(url, rawRequest('POST /graphql', lines, '{"query":"{ __typename }"}'));
    expect([200, 400, 406, 415]).toContain(graphql.status);
  });

  test.each([['\u0080'], ['\u0085'], ['\u009b'], ['\u2028'], ['\u202e'], ['\u007f']])(
    'an idempotency key with what cannot be printed is refused: %j',
    async (text) => {
      const id = await anOrderItem(dataSource);
      const line = `Idempotency-Key: a${encode(text)}b`;
      const message = expect.stringMatching(/idempotency key|not valid HTTP/);
      await expectNothingWritten(dataSource, async () => {
        expectError(await post(`/v0/line_item/${id}/cancel`, '', [line]), 400, 'bad_request', message);
        expect(await askToCancel({ id, reason: 'Late', idempotencyKey: `a${text}b` })).toMatchObject({
          __typename: 'InvalidCancelRequest',
        });
      });
    },
  );

  test.each([['\r'], ['\n'], ['\r\n ']])('header injection: a value with %j adds no header', async (text) => {
    const line = `Idempotency-Key: a${text}b`;
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => post(`/v0/line_item/${id}/cancel`, '', [line]));
    expectError(answer, 400, 'bad_request');
  });
});

describe('long text', () => {
  const LONG = 'x'.repeat(1_000_000);

  test('a megabyte in a reason, a note, a key or an id is refused as too long', async () => {
    const id = await anOrderItem(dataSource);
    await expectNothingWritten(dataSource, async () => {
      for (const stated of [{ reason: LONG }, { reason: 'Late', note: LONG }]) {
        expectError(await post(`/v0/line_item/${id}/cancel`, escaped(stated)), 400, 'bad_request');
      }
      for (const input of [
        { id, reason: LONG },
        { id, reason: 'Late', note: LONG },
        { id, reason: 'Late', idempotencyKey: LONG },
        { id: LONG, reason: 'Late' },
      ]) {
        expect(await askToCancel(input)).toMatchObject({ __typename: 'InvalidCancelRequest' });
      }
    });
  });

  test.each([
    ['a reason', '/v0/line_item/0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f/cancel', '{"reason":"'],
    ['a variable', '/graphql', '{"variables":{"id":"'],
    ['a document', '/graphql', '{"query":"'],
  ])('10 MB in %s get 413 and are not read', async (_, path, start) => {
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\n${authorization}\r\n${JSON_TYPE}\r\n`;
    expect((await sendRaw(url, `${head}Content-Length: 10485760\r\n\r\n${start}`)).status).toBe(413);
    const chunk = `f4240\r\n${LONG}\r\n`;
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
    expect((await sendRaw(url, chunked + chunk + chunk)).status).toBe(413);
    // Whoever goes on sending may miss the answer; another they do not get.
    const received = await pour(url, chunked, chunk, 10);
    expect(statusesIn(received).filter((status) => status !== 413)).toEqual([]);
    expect((await post('/graphql', '{"query":"{ __typename }"}')).status).toBe(200);
  });
});

describe('misleading bodies', () => {
  test.each([
    ['a byte that no UTF-8 has', Buffer.from([0xff])],
    ['half a character', Buffer.from([0xc3])],
    ['NUL in two bytes', Buffer.from([0xc0, 0x80])],
    ['a surrogate in three bytes', Buffer.from([0xed, 0xa0, 0x80])],
    ['Latin-1', Buffer.from('\u00e9', 'latin1')],
  ])('not UTF-8: %s', async (_, bytes) => {
    const id = await anOrderItem(dataSource);
    await expectNothingWritten(dataSource, async () => {
      const body = Buffer.concat([Buffer.from('{"reason":"a'), bytes, Buffer.from('"}')]);
      expectError(await service.cancelByRest(id, { body: new Uint8Array(body) }), 400, 'bad_request');
      const [start = '', end = ''] = cancelDocument({ id, reason: '#' }).split('#');
      const document = Buffer.concat([Buffer.from(start), bytes, Buffer.from(end)]);
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { authorization: authorization.slice(15), 'content-type': 'application/json' },
        body: new Uint8Array(document),
      });
      expect(response.status).toBe(400);
    });
  });

  test.each([['UTF-16', 'utf16le'] as const])('%s is not JSON', async (_, encoding) => {
    const id = await anOrderItem(dataSource);
    const body = new Uint8Array(Buffer.from('{"reason":"Late"}', encoding));
    expectError(await service.cancelByRest(id, { body }), 400, 'bad_request');
  });

  test('the last of two members with the same name counts', async () => {
    const { id, status } = await cancelWith('{"reason":"first","reason":"last"}');
    expect(status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ reason: 'last' }]);
    expect((await cancelWith('{"reason":"first","reason":1}')).status).toBe(400);
  });

  test.each([
    ['__proto__', '{"__proto__":{"reason":"Late"}}'],
    ['constructor', '{"constructor":{"prototype":{"reason":"Late"}}}'],
    ['__proto__ with a getter’s name', '{"__proto__":{"__defineGetter__":1},"constructor":1}'],
  ])('prototype pollution: %s sets no reason', async (_, body) => {
    const { body: answer, status } = await cancelWith(body);
    expect({ status, message: answer.message }).toEqual({
      status: 400,
      message: `${VALIDATION_FAILED}'reason' is a required property.`,
    });
    expect(({} as { reason?: string }).reason).toBeUndefined();
    expect((await post('/graphql', `{"query":"{ __typename }","variables":${body}}`)).status).toBe(400);
  });

  test.each([
    ['arrays', '['.repeat(500_000), ']'.repeat(500_000)],
    ['objects', '{"a":'.repeat(100_000), `1${'}'.repeat(100_000)}`],
  ])('deep nesting: %s', async (_, start, end) => {
    for (const nested of [start, start + end]) {
      expect((await cancelWith(nested)).status).toBe(400);
      expect((await cancelWith(`{"reason":${nested}}`)).status).toBe(400);
      expect((await post('/graphql', nested)).status).toBe(400);
    }
    const input = `{"query":"mutation($i: CancelOrderItemInput!) { cancelOrderItem(input: $i) { __typename } }","variables":{"i":`;
    const answer = await post('/graphql', `${input}${start}${end}}}`);
    expect(answer.status).toBe(200);
    const codes = (answer.body.errors as { extensions: { code: string } }[]).map(({ extensions }) => extensions.code);
    expect(new Set(codes)).toEqual(new Set(['BAD_USER_INPUT']));
  });
});
