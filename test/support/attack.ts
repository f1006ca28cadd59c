import { readRestAnswer, type RestAnswer, type TestService } from './testService.ts';

export interface Attack {
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly method?: string;
  /** The query string. */
  readonly search?: string;
  readonly headers?: Record<string, string>;
}

/** Sends an unusual request to `/graphql`, with a valid token. */
export async function send(
  service: TestService,
  { body, method = 'POST', search = '', headers = {} }: Attack,
): Promise<RestAnswer> {
  const authorization = `Bearer ${await service.token()}`;
  return readRestAnswer(
    fetch(`${service.url}/graphql${search}`, {
      method,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    }),
  );
}

/** Expects a refusal with this status, code and message, and with the request id. */
export function expectRefused(answer: RestAnswer, status: number, code: string, message: RegExp): void {
  const errors: { message: string; extensions: object }[] = answer.body.errors;
  const requestId = answer.headers.get('x-request-id');
  expect(answer.status).toBe(status);
  for (const { extensions } of errors) expect(extensions).toEqual({ code, requestId });
  expect(errors.map((error) => error.message)).toContainEqual(expect.stringMatching(message));
}

/** Repeats a text. `#` stands for the number of the repetition. */
export function times(count: number, text: string, separator = ' '): string {
  return Array.from({ length: count }, (_, position) => text.replaceAll('#', String(position))).join(separator);
}
