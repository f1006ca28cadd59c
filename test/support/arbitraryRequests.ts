import { METHODS } from 'node:http';
import fc from 'fast-check';
import { arbitraryGraphQLBody, arbitraryGraphQLSearch } from './arbitraryGraphQL.ts';

/** A request as bytes. */
export interface HttpRequest {
  readonly method: string;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly access: Access;
  /** The headers in order, with possible duplicates. Each character of headers and body is a byte, as in Latin-1. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
  readonly chunked: boolean;
}

/** What the `Authorization` of a request allows. */
export type Access = 'full' | 'cancel' | 'read' | 'none';

/** The existing data that requests can use. */
export interface Known {
  /** The ids of existing items. */
  readonly ids: readonly string[];
  /** Values of `Authorization` and what they allow. Null stands for no header. */
  readonly authorizations: readonly (readonly [string | null, Access])[];
  /** A longer body is too large. */
  readonly maxBodyBytes: number;
}

/** CONNECT names no path. */
const METHODS_OF_PATHS = METHODS.filter((method) => method !== 'CONNECT');

const KEYS = ['key 1', 'key 2', 'key 3', ''];

/** The characters of a header's value: visible ASCII, blanks, and bytes beyond ASCII. */
const headerText = fc
  .array(fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }), fc.constant(0x09)), {
    maxLength: 40,
  })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

const utf8Text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => Buffer.from(text).toString('latin1'));

/** A value or null. @param percent how often there is a value. */
function sometimes<T>(percent: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 100 - percent, arbitrary: fc.constant(null) }, { weight: percent, arbitrary });
}

const hex = (length: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));

const traceparent = fc.oneof(
  fc.tuple(hex(32), hex(16)).map(([trace, parent]) => `00-${trace}-${parent}-01`),
  headerText,
);

const contentType = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('application/json', 'application/json; charset=utf-8') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'),
  },
  { weight: 1, arbitrary: headerText },
);

const accept = fc.oneof(
  fc.constantFrom(
    '*/*',
    'application/json',
    'application/graphql-response+json',
    'text/html',
    'multipart/mixed; deferSpec=20220824',
    'application/json;q=0',
  ),
  headerText,
);

/** Headers to which some part of a server can react. */
const furtherHeader = fc.tuple(
  fc.constantFrom(
    'apollo-require-preflight',
    'x-apollo-operation-name',
    'accept-encoding',
    'content-encoding',
    'cookie',
    'expect',
    'if-match',
    'if-none-match',
    'origin',
    'range',
    'router-authorization',
    'x-forwarded-for',
    'x-http-method-override',
    'x-request-id',
    '__proto__',
    'constructor',
  ),
  fc.oneof(fc.constantFrom('1', '100-continue', 'gzip', '*', 'null'), headerText),
);

interface Parts {
  readonly method: fc.Arbitrary<string>;
  readonly target: fc.Arbitrary<string>;
  readonly body: fc.Arbitrary<Buffer | null>;
}

function anyRequest({ authorizations }: Known, { method, target, body }: Parts): fc.Arbitrary<HttpRequest> {
  return fc
    .record({
      method,
      target,
      version: fc.oneof(
        { weight: 9, arbitrary: fc.constant('1.1' as const) },
        { weight: 1, arbitrary: fc.constant('1.0' as const) },
      ),
      body,
      chunked: fc.boolean(),
      host: sometimes(97, fc.constant('x')),
      // The first token allows everything.
      authorization: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...authorizations.slice(0, 1)) },
        { weight: 2, arbitrary: fc.constantFrom(...authorizations) },
        {
          weight: 1,
          arbitrary: headerText.map((text): readonly [string | null, Access] => [text, 'none']),
        },
      ),
      contentType: sometimes(95, contentType),
      idempotencyKey: sometimes(40, fc.oneof(fc.constantFrom(...KEYS), utf8Text, headerText)),
      traceparent: sometimes(40, traceparent),
      accept: sometimes(40, accept),
      further: fc.oneof(
        { weight: 2, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(furtherHeader, { maxLength: 3 }) },
      ),
      repeated: sometimes(8, fc.nat({ max: 8 })),
    })
    .map(({ authorization: [authorization, access], further, repeated, ...parts }): HttpRequest => {
      const named: [string, string | null][] = [
        ['Host', parts.host],
        ['Content-Type', parts.contentType],
        ['Idempotency-Key', parts.idempotencyKey],
        ['Traceparent', parts.traceparent],
        ['Accept', parts.accept],
        ...further,
        ['Authorization', authorization],
      ];
      const headers = named.filter((header): header is [string, string] => header[1] !== null);
      const again = headers[repeated ?? headers.length];
      // Two hosts are invalid HTTP, which other tests cover.
      const twice = again === undefined || again[0] === 'Host' ? [] : [again];
      return {
        method: parts.method,
        target: parts.target,
        version: parts.version,
        body: parts.body?.toString('latin1') ?? null,
        // Two tokens count as none.
        access: twice[0]?.[0] === 'Authorization' ? 'none' : access,
        headers: [...headers, ...twice],
        chunked: parts.chunked && parts.version === '1.1',
      };
    });
}

/** Bytes that are not text, incomplete JSON, and bodies that are too large. */
function anyBody(maxBodyBytes: number): fc.Arbitrary<Buffer> {
  return fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc
      .tuple(fc.json(), fc.nat({ max: 20 }))
      .map(([text, length]) => Buffer.from(text.slice(0, Math.max(0, text.length - length)))),
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: maxBodyBytes - 1, max: maxBodyBytes + 2 }).map((length) => Buffer.alloc(length, ' ')),
  );
}

const text = fc.oneof(fc.constantFrom('Late', ' Late '), fc.string({ unit: 'binary', maxLength: 30 }));

const cancelBody = fc
  .record({ reason: text, note: text }, { requiredKeys: ['reason'] })
  .map((body) => Buffer.from(JSON.stringify(body)));

const cancelBodyOfAnyType = fc
  .record({ reason: fc.jsonValue(), note: fc.jsonValue() }, { requiredKeys: [] })
  .map((body) => Buffer.from(JSON.stringify(body)));

function anyId({ ids }: Known): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...ids) },
    // A few ids repeat, so that items are cancelled again.
    { weight: 3, arbitrary: fc.constantFrom(...ids.slice(0, 5)) },
    { weight: 1, arbitrary: fc.constantFrom(...ids).map((id) => id.toUpperCase()) },
    { weight: 1, arbitrary: fc.uuid() },
  );
}

const QUERY_OR_FRAGMENT = ['', '', '', '', '?', '?a=b', '?uuid=x', '?__proto__=1', '#', '#/x'];

/** Requests to the path of a cancel, with anything in place of the id. */
export function requestsForRest(known: Known): fc.Arbitrary<HttpRequest> {
  const id = fc.oneof(
    { weight: 8, arbitrary: anyId(known) },
    {
      weight: 1,
      arbitrary: anyId(known).map((uuid) => `%${uuid.charCodeAt(0).toString(16)}${uuid.slice(1)}`),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 10 }).map(encodeURIComponent) },
    { weight: 1, arbitrary: fc.constantFrom('%00', '%ff', '%c3%28', '%2e%2e', '%2F', ':uuid', '*', '%25', '~') },
  );
  return anyRequest(known, {
    method: mostly('POST'),
    target: fc
      .tuple(fc.constantFrom('', '', '', 'http://x'), id, fc.constantFrom(...QUERY_OR_FRAGMENT))
      .map(([origin, uuid, rest]) => `${origin}/v0/line_item/${uuid}/cancel${rest}`),
    body: fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      { weight: 5, arbitrary: cancelBody },
      { weight: 2, arbitrary: cancelBodyOfAnyType },
      { weight: 3, arbitrary: anyBody(known.maxBodyBytes) },
    ),
  });
}

/** Requests to `/graphql`. */
export function requestsForGraphQL(known: Known): fc.Arbitrary<HttpRequest> {
  const id = anyId(known);
  const byPost = anyRequest(known, {
    method: mostly('POST'),
    target: fc.constantFrom(...QUERY_OR_FRAGMENT).map((rest) => `/graphql${rest}`),
    body: fc.oneof(
      { weight: 6, arbitrary: arbitraryGraphQLBody(id) },
      { weight: 1, arbitrary: fc.oneof(fc.constant(null), anyBody(known.maxBodyBytes)) },
    ),
  });
  const byGet = anyRequest(known, {
    method: mostly('GET'),
    target: arbitraryGraphQLSearch(id).map((search) => `/graphql?${search}`),
    body: fc.constant(null),
  });
  return fc.oneof({ weight: 4, arbitrary: byPost }, { weight: 1, arbitrary: byGet });
}

/** Requests to unknown or malformed paths. Some resemble existing paths. */
export function requestsForElsewhere(known: Known): fc.Arbitrary<HttpRequest> {
  const segments = fc.array(
    fc.oneof(
      fc.constantFrom('v0', 'line_item', 'cancel', 'graphql', 'health', '..', '.', '', '%zz', '%', '%2f', '*', '~'),
      fc.string({ unit: 'binary', maxLength: 8 }).map(encodeURIComponent),
      // Raw UTF-8, without percent-encoding.
      utf8Text.map((segment) => segment.replaceAll(/[\0-\x20\x7f#?]/g, '_')),
    ),
    { minLength: 1, maxLength: 6 },
  );
  return anyRequest(known, {
    method: fc.constantFrom(...METHODS_OF_PATHS),
    target: fc
      .tuple(segments, fc.constantFrom(...QUERY_OR_FRAGMENT))
      // The prefix keeps it apart from existing paths.
      .map(([path, rest]) => `/elsewhere/${path.join('/')}${rest}`),
    body: fc.oneof(fc.constant(null), cancelBody, anyBody(known.maxBodyBytes)),
  });
}

function mostly(method: string): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(method) },
    { weight: 1, arbitrary: fc.constantFrom(...METHODS_OF_PATHS) },
  );
}
