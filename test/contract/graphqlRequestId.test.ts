import { expectNothingWritten } from '../support/nothingWritten.ts';
import { readRestAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const ID = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';
const CANCEL_ID = `mutation { cancelOrderItem(input: { id: "${ID}", reason: "Late" }) { __typename } }`;

/** Sends exactly this request to `/graphql`, plus a token. */
async function send({ search = '', ...init }: RequestInit & { readonly search?: string }): Promise<RestAnswer> {
  const headers = { authorization: `Bearer ${await service.token()}`, ...(init.headers as Record<string, string>) };
  return readRestAnswer(fetch(`${service.url}/graphql${search}`, { method: 'POST', ...init, headers }));
}

describe('every error of an answer carries the request id', () => {
  const json = { 'content-type': 'application/json' };
  const cases: [string, RequestInit & { readonly search?: string }][] = [
    ['a document that does not parse', { headers: json, body: '{"query":"{"}' }],
    ['a document that does not validate', { headers: json, body: '{"query":"{ nothing }"}' }],
    ['an unknown operation name', { headers: json, body: '{"query":"query A { __typename }","operationName":"B"}' }],
    [
      'a missing variable',
      { headers: json, body: '{"query":"query($a: Int!) { orderItems(first: $a) { edges { cursor } } }"}' },
    ],
    ['a request without a document', { headers: json, body: '{}' }],
    ['a document that is not a string', { headers: json, body: '{"query":1}' }],
    ['variables that are not an object', { headers: json, body: '{"query":"{ __typename }","variables":1}' }],
    ['a batch', { headers: json, body: '[{"query":"{ __typename }"}]' }],
    [
      'a persisted query that is unknown',
      {
        headers: json,
        body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
      },
    ],
    ['a body that is not JSON', { headers: json, body: '{' }],
    ['an empty body', { headers: json, body: '' }],
    ['a body of type text', { headers: { 'content-type': 'text/plain' }, body: '{"query":"{ __typename }"}' }],
    ['a body of an unknown type', { headers: { 'content-type': 'application/xml' }, body: '<query/>' }],
    [
      'a body that is too large',
      { headers: json, body: JSON.stringify({ query: '{ __typename }', more: 'x'.repeat(1_048_576) }) },
    ],
    ['a cancel by GET', { method: 'GET', headers: json, search: `?query=${encodeURIComponent(CANCEL_ID)}` }],
    ['a query by GET from another site', { method: 'GET', search: '?query={__typename}' }],
    [
      'an Accept header that the service cannot satisfy',
      { headers: { ...json, accept: 'text/html' }, body: '{"query":"{ __typename }"}' },
    ],
    ['the method DELETE', { method: 'DELETE', headers: json }],
    [
      'an invalid token',
      { headers: { ...json, authorization: 'Bearer nonsense' }, body: '{"query":"{ __typename }"}' },
    ],
  ];
  test.each(cases)('for %s', async (_, init) => {
    const { headers, body } = await expectNothingWritten(dataSource, () => send(init));
    const requestId = headers.get('x-request-id');
    expect(requestId).toMatch(/^[0-9a-f]{32}$/);
    expect(headers.get('content-type')).toMatch(/^application\/(json|graphql-response\+json)/);
    expect(body.errors.length).toBeGreaterThan(0);
    for (const error of body.errors as { message: unknown; extensions: unknown }[]) {
      expect(error.message).toEqual(expect.any(String));
      expect(error.extensions).toEqual({ code: expect.stringMatching(/^[A-Z_]+$/), requestId });
    }
  });
});
