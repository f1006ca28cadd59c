import { serverAudits } from 'graphql-http';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const token = await service.token();

const audits = serverAudits({
  url: `${service.url}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(url, { ...init, headers });
  },
});

/** The audits of GraphQL over HTTP that the service does not meet. Each is a recommendation or an option. */
const EXPLAINED: Readonly<Record<string, { status: 'warn' | 'notice'; why: string }>> = {
  '572B': {
    status: 'warn',
    why: 'A document that does not parse gets 400 for every Accept header: Apollo Server does so, and the README promises it for documents beyond the limits.',
  },
  FDE2: {
    status: 'warn',
    why: 'A document that does not validate gets 400 for every Accept header, like one that does not parse.',
  },
  '7B9B': {
    status: 'warn',
    why: 'The document of this audit has an unused variable and fails validation. A variable of the wrong type gets 200.',
  },
  '5A70': {
    status: 'notice',
    why: 'CSRF protection: a GET without a header that causes a CORS preflight is refused, because a page of another site could send it.',
  },
  D6D5: {
    status: 'notice',
    why: 'CSRF protection: a GET without a content type or another header that causes a CORS preflight is refused.',
  },
  '6A70': {
    status: 'notice',
    why: 'CSRF protection: a GET without a content type or another header that causes a CORS preflight is refused.',
  },
};

test.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s: %s', async (id, _, audit) => {
  const result = await audit.fn();
  expect({ status: result.status, reason: result.status === 'ok' ? '' : result.reason }).toEqual({
    status: EXPLAINED[id]?.status ?? 'ok',
    reason: id in EXPLAINED ? expect.any(String) : '',
  });
});

test('every explanation belongs to an audit', () => {
  const ids = audits.map(({ id }) => id);
  expect(Object.keys(EXPLAINED).filter((id) => !ids.includes(id))).toEqual([]);
});

describe('the claims of the explanations', () => {
  test('7B9B: a variable of the wrong type gets 200', async () => {
    const answer = await service.graphql('query($id: ID!) { orderItem(id: $id) { id } }', { id: null });
    expect({ status: answer.status, codes: answer.errors.map(({ extensions }) => extensions['code']) }).toEqual({
      status: 200,
      codes: ['BAD_USER_INPUT'],
    });
  });

  test.each([
    ['5A70', { query: '{ __typename }' }],
    ['D6D5', { query: 'query($id: ID!) { orderItem(id: $id) { id } }', variables: '{"id":"1"}' }],
    ['6A70', { query: 'query($id: ID!) { orderItem(id: $id) { id } }', variables: '{"id":"1"}' }],
  ])('%s: a GET with a header that causes a CORS preflight is served', async (_, parameters) => {
    const response = await fetch(`${service.url}/graphql?${new URLSearchParams(parameters).toString()}`, {
      headers: { authorization: `Bearer ${token}`, 'apollo-require-preflight': 'true' },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).not.toHaveProperty('errors');
  });
});

test.each([
  ['an empty media type', ''],
  ['JSON with a charset', 'application/json; charset=utf-8'],
  ['JSON with a charset and no space', 'application/json;charset=UTF-8'],
  [
    'the media types that GraphQL clients send',
    'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
  ],
  ['several media types', 'multipart/mixed, application/graphql-response+json, application/json'],
  ['anything', '*/*'],
])('a client that accepts %s is served', async (_, accept) => {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await service.token()}`, 'content-type': 'application/json', accept },
    body: '{"query":"{ __typename }"}',
  });
  expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
});
