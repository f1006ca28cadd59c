import type { GraphQLAnswer } from './testService.ts';

/** A result of a subscription. */
export type Result = Pick<GraphQLAnswer, 'data' | 'errors'>;

/** A subscription over server-sent events. */
export interface Followed {
  readonly status: number;
  /** Reads the next result. Null at the end. */
  readonly next: () => Promise<Result | null>;
  /** Hangs up. */
  readonly stop: () => void;
}

/** Follows a subscription. It has begun when this resolves. */
export async function followEvents(
  url: string,
  token: string,
  query: string,
  { variables = {}, headers = {} }: { variables?: object; headers?: Record<string, string> } = {},
): Promise<Followed> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ query, variables }),
    signal: abort.signal,
  });
  const results = readResults(response);
  return {
    status: response.status,
    next: async () => {
      const { done, value } = await results.next();
      return done === true ? null : value;
    },
    stop: () => {
      abort.abort();
    },
  };
}

async function* readResults(response: Response): AsyncGenerator<Result, void, undefined> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      if (/^event: complete$/m.test(block)) return;
      const [, data] = /^data: (.*)$/m.exec(block) ?? [];
      if (data === undefined) continue;
      const { data: value = null, errors = [] } = JSON.parse(data) as Partial<Result>;
      yield { data: value, errors };
    }
  }
}
