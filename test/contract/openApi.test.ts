import {
  documentedAnswers,
  documentedExample,
  expectDocumented,
  isDocumentedCancelBody,
  openApi,
  requiredHeaders,
} from '../support/openApi.ts';
import { CANCEL } from '../support/restContract.ts';
import { readRestAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();

const REQUEST_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

/** Builds an answer with every header that the document requires anywhere, except one. */
function buildAnswer(
  status: number,
  body: unknown,
  { allow = 'POST', omittedHeader }: { readonly allow?: string; readonly omittedHeader?: string } = {},
): RestAnswer {
  const headers = new Headers({
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': REQUEST_ID,
    'www-authenticate': 'Bearer realm="order-items"',
    allow,
    'retry-after': '1',
  });
  if (omittedHeader !== undefined) headers.delete(omittedHeader);
  return { status, headers, body };
}

/** The methods of a path, as a 405 names them. */
function allowed(pathTemplate: string): string {
  return pathTemplate === CANCEL ? 'POST' : 'GET, HEAD';
}

describe('the OpenAPI document', () => {
  test('is served as it is published', async () => {
    const answer = await readRestAnswer(fetch(`${service.url}/v0/openapi.json`));
    expectDocumented('GET', '/v0/openapi.json', answer);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(openApi);
  });

  test.each(['/health/live', '/health/ready'])('describes %s', async (path) => {
    const answer = await readRestAnswer(fetch(service.url + path));
    expectDocumented('GET', path, answer);
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { status: 'ok' } });
  });

  const rows: [number, string | null, string[]][] = [
    [200, null, []],
    [400, 'bad_request', []],
    [401, 'unauthorized', ['www-authenticate']],
    [403, 'forbidden', ['www-authenticate']],
    [404, 'not_found', []],
    [405, 'method_not_allowed', ['allow']],
    [413, 'payload_too_large', []],
    [415, 'unsupported_media_type', []],
    [422, 'idempotency_key_reused', []],
    [429, 'too_many_requests', ['retry-after']],
    [500, 'internal_server_error', []],
    [503, 'service_unavailable', ['retry-after']],
  ];
  const answers = documentedAnswers();

  test('lists exactly these statuses for a cancel', () => {
    const statuses = answers.filter(({ pathTemplate }) => pathTemplate === CANCEL).map(({ status }) => status);
    expect(statuses).toEqual(rows.map(([status]) => status));
  });

  test.each(rows)('gives the answer %s the code %s and its headers', (status, errorCode, headers) => {
    expect(requiredHeaders('POST', CANCEL, status).sort()).toEqual([...headers, 'x-request-id'].sort());
    const examples = Object.values(
      answers.find((answer) => answer.pathTemplate === CANCEL && answer.status === status)?.examples ?? {},
    );
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples as { value: Record<string, unknown> }[]) {
      expect(example.value['error_code'] ?? null).toBe(errorCode);
    }
  });

  const withExamples = answers.filter(({ examples }) => Object.keys(examples).length > 0);
  test.each(withExamples)(
    'has valid examples of $method $pathTemplate $status',
    ({ method, pathTemplate, status, examples }) => {
      for (const name of Object.keys(examples)) {
        expectDocumented(
          method,
          pathTemplate,
          buildAnswer(status, documentedExample(method, pathTemplate, status, name), { allow: allowed(pathTemplate) }),
        );
      }
    },
  );

  test.each([
    [400, 'reasonMissing', "Validation of cancel order request failed with error: 'reason' is a required property."],
    [400, 'notPreOrdered', "The Order item can't be canceled."],
    [400, 'terminalStatus', 'Order item is no longer cancelable.'],
    [404, 'lineItemNotFound', 'Order item with provided UUID was not found.'],
    [500, 'internalError', "Couldn't process request due to an internal error."],
  ])('keeps the message of the %s example %s to the letter', (status, name, message) => {
    expect(documentedExample('POST', CANCEL, status, name)).toMatchObject({ message });
  });

  test.each([
    ['a reason', { reason: 'x' }, true],
    ['a reason of 500 astral characters', { reason: '\u{1F4E6}'.repeat(500) }, true],
    ['a note', { reason: 'x', note: '' }, true],
    ['unknown members', { reason: 'x', more: 1 }, true],
    ['no reason', { note: 'x' }, false],
    ['a reason of 501 characters', { reason: 'x'.repeat(501) }, false],
    ['a blank reason', { reason: ' \n' }, false],
    ['a note of 2,001 characters', { reason: 'x', note: 'x'.repeat(2_001) }, false],
    ['a quantity and a code', { reason: 'x', quantity: 1, reason_code: 'a' }, true],
    ['a quantity of 0', { reason: 'x', quantity: 0 }, false],
    ['half a unit', { reason: 'x', quantity: 0.5 }, false],
    ['a quantity that is a text', { reason: 'x', quantity: '1' }, false],
    ['an empty code', { reason: 'x', reason_code: '' }, false],
    ['an array', [], false],
  ])('accepts or refuses a body like the service: %s', (_, body, valid) => {
    expect(isDocumentedCancelBody(body)).toBe(valid);
  });
});

describe('the comparison of an answer with the document', () => {
  const error = { error_code: 'not_found', message: 'x', request_id: REQUEST_ID };
  const success = {
    id: '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f',
    status: 'cancelled',
    quantity: 1,
    remaining: 0,
    cancelled_at: '2025-11-23T16:54:07.123Z',
    request_id: REQUEST_ID,
  };

  test('accepts documented answers', () => {
    expectDocumented('POST', CANCEL, buildAnswer(404, error));
    expectDocumented('POST', CANCEL, buildAnswer(200, success));
  });

  test.each([
    ['a status that is not documented', buildAnswer(418, error), /status 418/],
    ['a fourth member', buildAnswer(404, { ...error, details: 'x' }), /additional properties/],
    ['a missing member', buildAnswer(404, { error_code: 'not_found', message: 'x' }), /required property 'request_id'/],
    ['the code of another status', buildAnswer(404, { ...error, error_code: 'bad_request' }), /error_code/],
    ['a malformed request id', buildAnswer(404, { ...error, request_id: REQUEST_ID.toUpperCase() }), /request_id/],
    [
      'a missing header X-Request-Id',
      buildAnswer(404, error, { omittedHeader: 'x-request-id' }),
      /lacks the header X-Request-Id/,
    ],
    ['a missing content type', buildAnswer(404, error, { omittedHeader: 'content-type' }), /no content type/],
    [
      'a missing challenge',
      buildAnswer(401, { ...error, error_code: 'unauthorized' }, { omittedHeader: 'www-authenticate' }),
      /WWW-Authenticate/,
    ],
    [
      'a missing header Allow',
      buildAnswer(405, { ...error, error_code: 'method_not_allowed' }, { omittedHeader: 'allow' }),
      /Allow/,
    ],
    [
      'a missing header Retry-After',
      buildAnswer(503, { ...error, error_code: 'service_unavailable' }, { omittedHeader: 'retry-after' }),
      /Retry-After/,
    ],
    [
      'a time with another offset',
      buildAnswer(200, { ...success, cancelled_at: '2025-11-23T17:54:07.123+01:00' }),
      /cancelled_at/,
    ],
    ['a missing body', buildAnswer(200, null), /must be object/],
  ])('fails for %s', (_, answer, complaint) => {
    expect(() => {
      expectDocumented('POST', CANCEL, answer);
    }).toThrow(complaint);
  });
});
