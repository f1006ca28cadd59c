import type { FastifyInstance, FastifyRequest } from 'fastify';
import { requireScopeForAll } from '../auth/caller.ts';
import { type AccessHooks, getCaller } from '../http/access.ts';
import { badInput, Failure, serviceUnavailable } from '../http/failures.ts';
import { waitLong } from '../http/longWait.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { currentSpan, doWork } from '../work/deadline.ts';
import { CursorExpired, type EventLog, type LoggedEvent } from './eventLog.ts';
import type { EventReaders } from './eventReaders.ts';
import { decodeCursor, encodeCursor } from './feedCursors.ts';

const FEED_PATH = '/v0/events';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const MAX_WAIT_S = 30;

export interface FeedOptions {
  /** Null if events have no positions in this database. */
  readonly log: EventLog | null;
  readonly readers: EventReaders;
  readonly access: AccessHooks;
  readonly requestTimeoutMs: number;
}

/** What a reader asks for. */
interface Asked {
  /** The position of the last event that the reader has. Null begins with the oldest event that is kept. */
  readonly after: number | null;
  readonly limit: number;
  readonly waitMs: number;
}

type Query = Readonly<Record<string, unknown>>;

/** Serves the pull feed of events. A reader goes on from the cursor of its last page, and can wait for the next event. */
export function addFeedRoute(server: FastifyInstance, options: FeedOptions, clock: Clock = systemClock): void {
  const { log, access } = options;
  server.route<{ Querystring: Query }>({
    method: 'GET',
    url: FEED_PATH,
    onRequest: [
      ...access.admit,
      access.requireCaller,
      async (request) => {
        requireScopeForAll(getCaller(request), 'order-items:events');
      },
    ],
    handler: async (request) => {
      const asked = parseAsked(request.query);
      if (log === null) throw new Failure('not_found', 'Events have no positions in this database.');
      const logged = await readOrWait(request, asked, { ...options, log, clock });
      return {
        events: logged.map(({ event }) => event),
        next: encodeCursor(logged.at(-1)?.position ?? asked.after ?? 0),
        request_id: request.id,
      };
    },
  });

  server.route({
    method: server.supportedMethods.filter((method) => method !== 'GET' && method !== 'HEAD'),
    url: FEED_PATH,
    onRequest: async () => {
      throw new Failure('method_not_allowed', 'This path takes GET and HEAD only.', {
        headers: { allow: 'GET, HEAD' },
      });
    },
    handler: () => undefined,
  });
}

async function readOrWait(
  request: FastifyRequest,
  { after, limit, waitMs }: Asked,
  { log, readers, requestTimeoutMs, clock }: FeedOptions & { readonly log: EventLog; readonly clock: Clock },
): Promise<readonly LoggedEvent[]> {
  const read = (): Promise<readonly LoggedEvent[]> => log.readEvents(after, limit).catch(explainExpired);
  const events = await read();
  if (events.length > 0 || waitMs === 0) return events;
  const leave = readers.takePlace();
  if (leave === null) throw serviceUnavailable('Too many readers wait for events. Try again.');
  try {
    if (!(await waitLong(request, waitMs, (signal) => log.waitForEvents(after ?? 0, signal), clock))) return [];
  } finally {
    leave();
  }
  // The deadline of the request can have passed during the wait.
  return doWork({ deadline: clock.now() + requestTimeoutMs, statements: 0, span: currentSpan() }, read);
}

function explainExpired(error: unknown): never {
  if (!(error instanceof CursorExpired)) throw error;
  throw new Failure('cursor_expired', `${error.message} Begin again without a cursor.`, { cause: error });
}

/** @throws Failure that names the parameter. */
function parseAsked({ after, limit, wait }: Query): Asked {
  return {
    after: after === undefined ? null : parseCursor(after),
    limit: parseWholeNumber('limit', limit, { min: 1, max: MAX_LIMIT, absent: DEFAULT_LIMIT }),
    waitMs: 1_000 * parseWholeNumber('wait', wait, { min: 0, max: MAX_WAIT_S, absent: 0 }),
  };
}

/** @param value is an array if the parameter is given more than once. */
function parseCursor(value: unknown): number {
  const position = typeof value === 'string' ? decodeCursor(value) : null;
  if (position === null) throw badInput("The parameter 'after' is not a cursor of this feed.");
  return position;
}

function parseWholeNumber(
  name: string,
  value: unknown,
  { min, max, absent }: { readonly min: number; readonly max: number; readonly absent: number },
): number {
  if (value === undefined) return absent;
  const number = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw badInput(`The parameter '${name}' is not a whole number from ${min} to ${max}.`);
}
