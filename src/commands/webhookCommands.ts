import { randomUUID } from 'node:crypto';
import { validate } from 'uuid';
import { checkEndpoint, RefusedAddress } from '../events/webhooks/endpointAddress.ts';
import {
  addEndpoint,
  disableEndpoint,
  enableEndpoint,
  EVENT_TYPES,
  findEndpoint,
  listDeliveries,
  listEndpoints,
  replayEvents,
  rotateSecret,
} from '../events/webhooks/endpoints.ts';
import { FREE_TEXTS } from '../events/webhooks/readClaimedEvents.ts';
import { isTaken, openWebhookClient } from '../events/webhooks/sendWebhook.ts';
import { isDate, isTimestamp } from '../import/isoTimes.ts';
import { systemClock } from '../work/clock.ts';
import { OperatorError } from '../work/operatorError.ts';
import type { EventDatabase } from './eventDatabase.ts';
import { describeDelivery, describeEndpoint } from './webhookWords.ts';

/** The options of the commands, as they were given. */
export interface CommandOptions {
  readonly types?: string;
  readonly with?: string;
  readonly since?: string;
  readonly limit?: string;
}

/** What a command answers. */
export interface Answer {
  readonly json: unknown;
  readonly words: string;
  readonly hasFailed?: boolean;
}

/** One of the commands. */
interface Command {
  /** What it needs, in words. Null if nothing. */
  readonly argument: 'a URL' | 'an ID' | null;
  readonly takes: readonly (keyof CommandOptions)[];
  readonly act: (database: EventDatabase, argument: string, options: CommandOptions) => Promise<Answer>;
}

const DEFAULT_LIMIT = '1000';

/** `npm run webhooks -- NAME`. */
export const COMMANDS = {
  add: { argument: 'a URL', takes: ['types', 'with'], act: add },
  list: { argument: null, takes: [], act: list },
  test: { argument: 'an ID', takes: [], act: test },
  disable: { argument: 'an ID', takes: [], act: disable },
  enable: { argument: 'an ID', takes: [], act: enable },
  rotate: { argument: 'an ID', takes: [], act: rotate },
  replay: { argument: 'an ID', takes: ['since'], act: replay },
  deliveries: { argument: 'an ID', takes: ['limit'], act: deliveries },
} as const satisfies Record<string, Command>;

export function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name);
}

async function add({ dataSource, config }: EventDatabase, url: string, options: CommandOptions): Promise<Answer> {
  const types = readList('types', options.types, EVENT_TYPES);
  const freeTexts = readList('with', options.with, FREE_TEXTS) ?? [];
  const { href } = await checkUrl(url, config.webhookAllowPrivate);
  const added = await addEndpoint(dataSource, { url: href, types, freeTexts });
  return {
    json: added,
    words: `Added ${added.id}. It gets what happens from now on.\nIts secret, with which it verifies signatures: ${added.secret}\n`,
  };
}

async function list({ dataSource }: EventDatabase): Promise<Answer> {
  const listed = await listEndpoints(dataSource);
  return {
    json: listed,
    words: listed.length === 0 ? 'There are no endpoints.\n' : listed.map(describeEndpoint).join(''),
  };
}

/** The event has a type of its own, so that no endpoint takes it for a cancel. */
async function test({ dataSource, config }: EventDatabase, id: string): Promise<Answer> {
  const { url, secrets } = (await findEndpoint(dataSource, requireId(id))) ?? refuseId(id);
  const client = openWebhookClient({ allowPrivate: config.webhookAllowPrivate }, systemClock);
  const event = {
    specversion: '1.0',
    id: randomUUID(),
    source: config.eventsSource,
    type: 'order_item.webhook_test',
    subject: id,
    time: new Date(systemClock.epochMs()).toISOString(),
    data: {},
  } as const;
  const result = await client.send({ url, secrets, event });
  await client.close();
  const { status, error, durationMs } = result;
  const answered = status === null ? `There was no answer: ${error ?? 'unknown'}` : `The endpoint answered ${status}`;
  return {
    json: { eventId: event.id, ...result },
    words: `${answered}, after ${durationMs} ms.\n`,
    hasFailed: !isTaken(result),
  };
}

async function disable({ dataSource }: EventDatabase, id: string): Promise<Answer> {
  if (!(await disableEndpoint(dataSource, requireId(id)))) refuseId(id);
  return { json: { id, status: 'disabled' }, words: `Disabled ${id}.\n` };
}

async function enable({ dataSource, config }: EventDatabase, id: string): Promise<Answer> {
  const { url } = (await findEndpoint(dataSource, requireId(id))) ?? refuseId(id);
  await checkUrl(url, config.webhookAllowPrivate);
  await enableEndpoint(dataSource, id);
  return { json: { id, status: 'enabled' }, words: `Enabled ${id}. It goes on where it stopped.\n` };
}

async function rotate({ dataSource }: EventDatabase, id: string): Promise<Answer> {
  const secret = (await rotateSecret(dataSource, requireId(id))) ?? refuseId(id);
  return { json: { id, secret }, words: `The new secret of ${id}: ${secret}\nThe old one signs, too, for 24 hours.\n` };
}

async function replay({ dataSource }: EventDatabase, id: string, { since }: CommandOptions): Promise<Answer> {
  if (since === undefined) throw new OperatorError('replay needs --since, such as --since 2026-11-28T09:00:00Z.');
  const time = new Date(since);
  // JavaScript reads other forms in the time zone of the machine, and days that do not exist as later ones.
  if (!(isTimestamp(since) || isDate(since)) || Number.isNaN(time.getTime())) {
    throw new OperatorError('--since takes a time with its time zone, such as 2026-11-28T09:00:00Z, or a day in UTC.');
  }
  const count = (await replayEvents(dataSource, requireId(id), time)) ?? refuseId(id);
  return {
    json: { id, since: time.toISOString(), events: count },
    words: `Sends ${count} events again, beside the new ones.\n`,
  };
}

async function deliveries({ dataSource }: EventDatabase, id: string, options: CommandOptions): Promise<Answer> {
  const { limit = DEFAULT_LIMIT } = options;
  if (!/^[1-9]\d{0,6}$/.test(limit)) throw new OperatorError('--limit takes a whole number from 1 to 9999999.');
  if ((await findEndpoint(dataSource, requireId(id))) === null) refuseId(id);
  const listed = await listDeliveries(dataSource, id, Number(limit));
  return {
    json: listed,
    words: listed.length === 0 ? 'There are no deliveries.\n' : listed.map(describeDelivery).join(''),
  };
}

/** @throws OperatorError that says why the endpoint cannot be used. */
async function checkUrl(url: string, allowPrivate: boolean): Promise<URL> {
  try {
    return await checkEndpoint(url, { allowPrivate });
  } catch (error) {
    if (!(error instanceof RefusedAddress)) throw error;
    throw new OperatorError(`The endpoint cannot be used: ${error.message}.`, { cause: error });
  }
}

/** @returns null if the option was not given. @throws OperatorError that lists what it takes. */
function readList(option: string, given: string | undefined, known: readonly string[]): string[] | null {
  if (given === undefined) return null;
  const values = given.split(',').map((value) => value.trim());
  if (!values.every((value) => known.includes(value))) {
    throw new OperatorError(`--${option} takes ${known.join(', ')}, separated by commas.`);
  }
  return values;
}

function requireId(id: string): string {
  return validate(id) ? id : refuseId(id);
}

function refuseId(id: string): never {
  throw new OperatorError(`There is no endpoint ${id}. npm run webhooks -- list shows them.`);
}
