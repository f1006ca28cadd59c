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

/** What the audits of GraphQL over HTTP recommend or allow and the service does not do, and why. */
const EXPLAINED: Readonly<Record<string, { status: 'warn' | 'notice'; why: string }>> = {
  '572B': {
    status: 'warn',
    why: 'A document that does not parse is 400 whatever the client accepts: Apollo Server answers so, and docs/operations.md promises it for documents beyond the limits.',
  },
  FDE2: {
    status: 'warn',
    why: 'A document that does not validate is 400 whatever the client accepts, as one that does not parse is.',
  },
  '7B9B': {
    status: 'warn',
    why: 'The document of this audit has a variable that it does not use and fails validation; a variable that does not fit is 200.',
  },
  '5A70': {
    status: 'notice',
    why: 'A page of another site can send a GET without asking first: one without a header that a browser asks for is refused.',
  },
  D6D5: {
    status: 'notice',
    why: 'A GET without a content type, or another header that a browser asks for, is refused as one that another site could send.',
  },
  '6A70': {
    status: 'notice',
    why: 'A GET without a content type, or another header that a browser asks for, is refused as one that another site could send.',
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

describe('what the explanations claim', () => {
  test('7B9B: an invalid variable gets 200', async () => {
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
  ])('%s: a GET with a header that forces a preflight is served', async (_, parameters) => {
    const response = await fetch(`${service.url}/graphql?${new URLSearchParams(parameters).toString()}`, {
      headers: { authorization: `Bearer ${token}`, 'apollo-require-preflight': 'true' },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).not.toHaveProperty('errors');
  });
});

test.each([
  ['no type', ''],
  ['JSON with its encoding', 'application/json; charset=utf-8'],
  ['JSON with its encoding, tersely', 'application/json;charset=UTF-8'],
  ['what clients of GraphQL send', 'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8'],
  ['any of several', 'multipart/mixed, application/graphql-response+json, application/json'],
  ['anything', '*/*'],
])('serves a client that accepts %s', async (_, accept) => {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await service.token()}`, 'content-type': 'application/json', accept },
    body: '{"query":"{ __typename }"}',
  });
  expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
});
