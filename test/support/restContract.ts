import { expectDocumented } from './openApi.ts';
import type { RestAnswer, RestRequest, TestService } from './testService.ts';

/** The path of a cancel in the contract. */
export const CANCEL = '/v0/line_item/{uuid}/cancel';

export const VALIDATION_FAILED = 'Validation of cancel order request failed with error: ';

/** Cancels through the REST path and expects that the answer conforms to the published contract. */
export async function cancel(service: TestService, id: string, request: RestRequest = {}): Promise<RestAnswer> {
  const answer = await service.cancelByRest(id, request);
  expectDocumented('POST', CANCEL, answer);
  return answer;
}

/** Expects an error with this status and code, with exactly three members, and with the request id of the header. */
export function expectError(
  answer: RestAnswer,
  status: number,
  errorCode: string,
  message: unknown = expect.any(String),
): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error_code: errorCode, message, request_id: answer.headers.get('x-request-id') },
  });
}
