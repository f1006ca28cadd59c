import { readRemoteSpan, createRequestId } from '../../src/http/requestId.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

test('the request id is the trace id of a traceparent', () => {
  expect(createRequestId(`00-${TRACE_ID}-00f067aa0ba902b7-01`)).toBe(TRACE_ID);
});

test('the request id is the trace id of a longer traceparent of a later version', () => {
  expect(createRequestId(`cc-${TRACE_ID}-00f067aa0ba902b7-01-what-the-future-brings`)).toBe(TRACE_ID);
});

test.each([
  ['01', true],
  ['00', false],
  ['03', true],
  ['02', false],
])('the last bit of the flags %j says whether the remote span is sampled: %j', (flags, isSampled) => {
  expect(readRemoteSpan(`00-${TRACE_ID}-00f067aa0ba902b7-${flags}`)).toEqual({ spanId: '00f067aa0ba902b7', isSampled });
});

test('the remote span is null without a valid traceparent', () => {
  expect(readRemoteSpan(undefined)).toBeNull();
  expect(readRemoteSpan(`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`)).toBeNull();
});

test.each([
  [undefined],
  [''],
  ['nonsense'],
  [`ff-${TRACE_ID}-00f067aa0ba902b7-01`],
  [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
  [`00-${TRACE_ID}-${'0'.repeat(16)}-01`],
  [`00-${TRACE_ID.toUpperCase()}-00f067aa0ba902b7-01`],
  [`00-${TRACE_ID}-00f067aa0ba902b7-01x`],
  [`00-${TRACE_ID}-00f067aa0ba902b7-01-more`],
])('the request id is new for the invalid traceparent %j', (traceparent) => {
  const id = createRequestId(traceparent);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(id).not.toBe(TRACE_ID);
  expect(id).not.toBe(createRequestId(traceparent));
});
