import { untilMetric } from './exposition.ts';
import { expectDocumented } from './openApi.ts';
import { readRestAnswer, type RestAnswer, type TestService } from './testService.ts';

export const FEED = '/v0/events';

/** What a test asks of the feed. Parameters are as they stand in the URL. */
export interface FeedRequest {
  readonly method?: string;
  /** Null sends none. */
  readonly token?: string | null;
}

/** Asks for a page and expects that the answer conforms to the published contract. */
export async function readFeed(
  service: Pick<TestService, 'url' | 'token'>,
  query = '',
  { method = 'GET', token }: FeedRequest = {},
): Promise<RestAnswer> {
  const bearer = token === undefined ? await service.token() : token;
  const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  const answer = await readRestAnswer(fetch(`${service.url}${FEED}${query}`, { method, headers }));
  // The document describes GET, which HEAD repeats without a body.
  if (method !== 'HEAD') expectDocumented(method, FEED, answer);
  return answer;
}

/** Returns the cursor after the newest event. */
export async function readNewestCursor(service: Pick<TestService, 'url' | 'token'>): Promise<string> {
  let { body } = await readFeed(service, '?limit=1000');
  while (body.events.length > 0) ({ body } = await readFeed(service, `?limit=1000&after=${body.next}`));
  return body.next as string;
}

/** Waits until so many readers wait for an event. */
export function untilReadersWait(service: Pick<TestService, 'url'>, count: number): Promise<void> {
  return untilMetric(service.url, 'order_items_event_readers_waiting', {}, count);
}
