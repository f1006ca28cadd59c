import { expectDocumented } from './openApi.ts';
import type { RestAnswer, RestRequest, TestService } from './testService.ts';

/** The path of a cancel, as the contract writes it. */
export const CANCEL = '/v0/line_item/{uuid}/cancel';

export const VALIDATION_FAILED = 'Validation of cancel order request failed with error: ';

/** Cancels through the REST path and holds the answer, whatever it is, against the published contract. */
export async function cancel(service: TestService, id: string, request: RestRequest = {}): Promise<RestAnswer> {
  const answer = await service.cancelByRest(id, request);
  expectDocumented('POST', CANCEL, answer);
  return answer;
}

/** The whole of an error: its status and its three members, the request id being that of the answer's header. */
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
