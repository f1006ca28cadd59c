import { parseArgs } from 'node:util';
import { withEventDatabase } from './eventDatabase.ts';
import { OperatorError } from '../work/operatorError.ts';
import { type Answer, COMMANDS, type CommandOptions, isCommand } from './webhookCommands.ts';

const USAGE = `Manages the endpoints that get events as webhooks, in the database of DATABASE_URL or the embedded one.

  npm run webhooks -- add URL                   adds an endpoint, and prints its secret
  npm run webhooks -- list                      lists the endpoints, with the events that they have not taken yet
  npm run webhooks -- test ID                   sends a test event now, and says how the endpoint answered
  npm run webhooks -- disable ID                stops its deliveries
  npm run webhooks -- enable ID                 goes on where it stopped
  npm run webhooks -- rotate ID                 prints a new secret. The old one signs, too, for 24 hours
  npm run webhooks -- replay ID --since TIME    sends the events since a time again, such as 2026-11-28T09:00:00Z
  npm run webhooks -- deliveries ID             lists its deliveries, the newest event first

  --json                with any of them: one JSON value on standard output. Run npm with -s then
  --types TYPE,TYPE     with add: only these types, order_item.cancelled or order_item.partially_cancelled
  --with reason,note    with add: adds these free texts to the events
  --limit N             with deliveries: how many, by default 1000

A URL must begin with https:// and lead to a public address, unless WEBHOOK_ALLOW_PRIVATE is true. A running service takes changes
up within a second.

Exit code: 0 if it worked, 1 if not.
`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      types: { type: 'string' },
      with: { type: 'string' },
      since: { type: 'string' },
      limit: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { json, help, ...options } = values;
  if (help) process.stdout.write(USAGE);
  else await run(positionals, options, json);
} catch (error) {
  const message = Error.isError(error) ? error.message : String(error);
  process.stderr.write(`${message}\n${error instanceof OperatorError ? '' : `\n${USAGE}`}`);
  process.exitCode = 1;
}

/** @throws Error if the arguments are not those of a command, and OperatorError if the command failed. */
async function run([name = '', ...rest]: readonly string[], options: CommandOptions, json: boolean): Promise<void> {
  if (!isCommand(name)) throw new Error(name === '' ? 'A command is missing.' : `Unknown command '${name}'.`);
  const { argument, takes, act } = COMMANDS[name];
  const wanted = argument === null ? 0 : 1;
  if (rest.length > wanted) throw new Error(`Unknown argument '${rest.slice(wanted).join(' ')}'.`);
  if (rest.length < wanted) throw new Error(`${name} needs ${argument ?? ''}.`);
  const foreign = Object.keys(options).find((option) => !takes.some((taken) => taken === option));
  if (foreign !== undefined) throw new Error(`${name} takes no --${foreign}.`);
  const answer: Answer = await withEventDatabase((database) => act(database, rest[0] ?? '', options));
  process.stdout.write(json ? `${JSON.stringify(answer.json)}\n` : answer.words);
  process.exitCode = answer.hasFailed === true ? 1 : 0;
}
