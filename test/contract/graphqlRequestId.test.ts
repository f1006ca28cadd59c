import { expectNothingWritten } from '../support/nothingWritten.ts';
import { answerOf, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const ID = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';
const CANCEL_ID = `mutation { cancelOrderItem(input: { id: "${ID}", reason: "Late" }) { __typename } }`;

/** A request to the letter, with a token. */
async function send({ search = '', ...init }: RequestInit & { readonly search?: string }): Promise<RestAnswer> {
  const headers = { authorization: `Bearer ${await service.token()}`, ...(init.headers as Record<string, string>) };
  return answerOf(fetch(`${service.url}/graphql${search}`, { method: 'POST', ...init, headers }));
}

describe('the id of the request is in every error', () => {
  const json = { 'content-type': 'application/json' };
  const cases: [string, RequestInit & { readonly search?: string }][] = [
    ['a document that does not parse', { headers: json, body: '{"query":"{"}' }],
    ['a document that does not validate', { headers: json, body: '{"query":"{ nothing }"}' }],
    ['no such operation', { headers: json, body: '{"query":"query A { __typename }","operationName":"B"}' }],
    [
      'a variable that does not fit',
      { headers: json, body: '{"query":"query($a: Int!) { orderItems(first: $a) { edges { cursor } } }"}' },
    ],
    ['no document', { headers: json, body: '{}' }],
    ['a document that is no text', { headers: json, body: '{"query":1}' }],
    ['variables that are no object', { headers: json, body: '{"query":"{ __typename }","variables":1}' }],
    ['several requests in one', { headers: json, body: '[{"query":"{ __typename }"}]' }],
    [
      'a hash of a document that is not known',
      {
        headers: json,
        body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
      },
    ],
    ['a body that is no JSON', { headers: json, body: '{' }],
    ['an empty body', { headers: json, body: '' }],
    ['a body of another type', { headers: { 'content-type': 'text/plain' }, body: '{"query":"{ __typename }"}' }],
    ['a body of an unknown type', { headers: { 'content-type': 'application/xml' }, body: '<query/>' }],
    [
      'a body that is too large',
      { headers: json, body: JSON.stringify({ query: '{ __typename }', more: 'x'.repeat(1_048_576) }) },
    ],
    ['a cancel by GET', { method: 'GET', headers: json, search: `?query=${encodeURIComponent(CANCEL_ID)}` }],
    ['a query by GET from another site', { method: 'GET', search: '?query={__typename}' }],
    [
      'a type of answer that is not made here',
      { headers: { ...json, accept: 'text/html' }, body: '{"query":"{ __typename }"}' },
    ],
    ['another method', { method: 'DELETE', headers: json }],
    [
      'a token that is not valid',
      { headers: { ...json, authorization: 'Bearer nonsense' }, body: '{"query":"{ __typename }"}' },
    ],
  ];
  test.each(cases)('%s', async (_, init) => {
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
