import { answerOf, type RestAnswer, type TestService } from './testService.ts';

export interface Attack {
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly method?: string;
  /** Behind `/graphql`. */
  readonly search?: string;
  readonly headers?: Record<string, string>;
}

/** Sends to `/graphql` what no ordinary client would, with a valid token. */
export async function send(
  service: TestService,
  { body, method = 'POST', search = '', headers = {} }: Attack,
): Promise<RestAnswer> {
  const authorization = `Bearer ${await service.token()}`;
  return answerOf(
    fetch(`${service.url}/graphql${search}`, {
      method,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    }),
  );
}

/** Expects the one answer that says no: its status, its code, the id of its request, and one message that is clear. */
export function expectRefused(answer: RestAnswer, status: number, code: string, message: RegExp): void {
  const errors: { message: string; extensions: object }[] = answer.body.errors;
  const requestId = answer.headers.get('x-request-id');
  expect(answer.status).toBe(status);
  for (const { extensions } of errors) expect(extensions).toEqual({ code, requestId });
  expect(errors.map((error) => error.message)).toContainEqual(expect.stringMatching(message));
}

/** A text, over and over, with the place of each in `#`. */
export function times(count: number, text: string, separator = ' '): string {
  return Array.from({ length: count }, (_, position) => text.replaceAll('#', String(position))).join(separator);
}
