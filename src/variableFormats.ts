import { z } from 'zod';
import { parseDatabaseUrl } from './database/databaseUrl.ts';
import { type NatsServers, parseNatsUrls } from './events/natsUrls.ts';
import type { RetrySchedule } from './events/webhooks/retrySchedule.ts';

const DAY_MS = 86_400_000;

/** A whole number in a range, both ends included. */
export const wholeNumber = (min: number, max: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);

/** `true` or `false`. */
export const flag = z
  .string()
  .refine((value) => value === 'true' || value === 'false', 'must be true or false')
  .transform((value) => value === 'true');

/** A URL with one of these protocols, each with its colon. */
export const url = (...protocols: string[]): z.ZodType<string, string> =>
  z.string().refine(
    (value) => {
      const parsed = URL.parse(value);
      return parsed !== null && protocols.includes(parsed.protocol);
    },
    `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  );

/** A URI or a part of one (RFC 3986, section 4.1), which is not empty. */
export const uriReference = z
  .string()
  .refine(
    (value) =>
      /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\dA-Fa-f]{2})+$/.test(value) && URL.canParse(value, 'https://base.example'),
    'must be a URI reference such as /order-items or https://shop.example/order-items',
  );

/** The URL of a database, of one server or of several. */
export const databaseUrl = z.string().superRefine((value, context) => {
  const parsed = parseDatabaseUrl(value);
  if (typeof parsed === 'string') context.addIssue(parsed);
});

function isOfAnyServer(url: string): boolean {
  const parsed = parseDatabaseUrl(url);
  return typeof parsed === 'object' && !parsed.mustTakeWrites;
}

/** A list of URLs of one server each. Commas separate them, so a comma in a password is %2C. */
export const databaseUrls = z.string().transform((value, context) => {
  const urls = value.split(',').map((one) => one.trim());
  if (!urls.every(isOfAnyServer)) {
    context.addIssue(
      'must be URLs that start with postgres:// or postgresql://, separated by commas, of one server each',
    );
  }
  return urls;
});

/** The URLs of the NATS servers of one cluster. Commas separate them. */
export const natsUrls = z.string().transform((value, context): NatsServers => {
  const parsed = parseNatsUrls(value);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue(parsed);
  return z.NEVER;
});

/** A name that every version of JetStream takes for a stream. */
export const natsStream = z.string().regex(/^[\w-]{1,255}$/, 'must have letters, digits, - and _ only');

/** Values of a browser's header `Origin`: scheme, host and port. Commas separate them. */
export const origins = z
  .string()
  .transform((value) => value.split(',').map((origin) => origin.trim()))
  .refine(
    (values) => values.every((origin) => URL.parse(origin)?.origin === origin && /^https?:[^*]+$/.test(origin)),
    'must be origins such as https://shop.example, separated by commas',
  );

/** Pauses in seconds, each up to a day. Commas separate them. They become milliseconds. */
export const retrySchedule = z.string().transform((value, context): RetrySchedule => {
  const [first = NaN, ...others] = value
    .split(',')
    .map((one) => (/^ *\d{1,5}(\.\d{1,3})? *$/.test(one) ? Number(one) * 1_000 : NaN));
  const schedule: RetrySchedule = [first, ...others];
  if (!schedule.every((pauseMs) => pauseMs > 0 && pauseMs <= DAY_MS)) {
    context.addIssue('must be pauses in seconds, such as 0.5,30,3600, separated by commas, each up to 86400');
  }
  return schedule;
});
