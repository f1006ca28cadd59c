import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireScope } from '../../auth/caller.ts';
import { type AccessHooks, getCaller } from '../../http/access.ts';
import { Failure, toFailure } from '../../http/failures.ts';
import { reportOutcome } from '../../http/server.ts';
import type { CancelOrderItems } from '../cancelOrderItems.ts';
import type { Cancelled, CancelOutcome } from '../judgeCancels.ts';
import { parseCancelReason } from '../cancelRequest.ts';
import { parseOrderItemId } from '../orderItem.ts';
import { malformedOrderItemId, type RefusalCode, validationFailure } from '../refusals.ts';

/** How each refusal of a cancel reads on the REST path. */
const REFUSALS = {
  ORDER_ITEM_NOT_FOUND: { status: 404, errorCode: 'not_found' },
  ORDER_ITEM_NOT_CANCELABLE: { status: 400, errorCode: 'bad_request' },
  INVALID_CANCEL_REQUEST: { status: 400, errorCode: 'bad_request' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, errorCode: 'idempotency_key_reused' },
} as const satisfies Record<RefusalCode, { status: number; errorCode: string }>;

const CANCEL_PATH = '/v0/line_item/:uuid/cancel';

export interface LineItemRoutesOptions {
  readonly cancel: CancelOrderItems;
  readonly access: AccessHooks;
}

/** Serves the REST door: it translates, and decides nothing. */
export async function addLineItemRoutes(
  server: FastifyInstance,
  { cancel, access }: LineItemRoutesOptions,
): Promise<void> {
  await server.register(async (scope) => {
    // As it comes: an empty body is no body, whatever its type is said to be.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });

    scope.route<{ Params: { uuid: string } }>({
      method: 'POST',
      url: CANCEL_PATH,
      onRequest: [
        ...access.admit,
        access.requireCaller,
        async (request) => {
          requireScope(getCaller(request), 'order-items:cancel');
        },
      ],
      handler: async (request, reply) => {
        const outcome = await cancelOne(request, request.params.uuid, cancel);
        reportOutcome(request, outcome.code);
        if (outcome.code === 'CANCELLED') return sendCancelled(outcome, reply);
        const { status, errorCode } = REFUSALS[outcome.code];
        return reply.code(status).send({ error_code: errorCode, message: outcome.message, request_id: request.id });
      },
    });

    scope.route({
      method: scope.supportedMethods.filter((method) => method !== 'POST'),
      url: CANCEL_PATH,
      onRequest: async () => {
        throw new Failure('method_not_allowed', 'This path takes POST only.', { headers: { allow: 'POST' } });
      },
      handler: () => undefined,
    });
  });
}

/** The path is checked before the body. */
async function cancelOne(request: FastifyRequest, id: string, cancel: CancelOrderItems): Promise<CancelOutcome> {
  if (parseOrderItemId(id) === null) return malformedOrderItemId();
  const statement = parseCancelReason(bodyOf(request), idempotencyKeyOf(request));
  if ('code' in statement) return statement;
  const [outcome] = await cancel({
    ...statement,
    ids: [id],
    cancelledBy: getCaller(request).subject,
    channel: 'rest',
    requestId: request.id,
  });
  if (outcome === undefined) throw new Error('A cancel of one item has one outcome.');
  return outcome;
}

function sendCancelled({ orderItem, cancellation }: Cancelled, reply: FastifyReply): FastifyReply {
  return reply.send({
    id: orderItem.id,
    status: 'cancelled',
    cancelled_at: cancellation.cancelledAt.toISOString(),
    // That of the first request where this is a repeat: it finds the cancellation again.
    request_id: cancellation.requestId,
  });
}

/** @returns the reason and the note, or null without a body. @throws Failure for a body that is not a JSON object. */
function bodyOf({ body, headers }: FastifyRequest): { reason?: unknown; note?: unknown } | null {
  if (!Buffer.isBuffer(body) || body.length === 0) return null;
  const mediaType = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') throw toFailure({ statusCode: 415 });
  const parsed = parseJson(body);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Failure('bad_request', validationFailure('the body is not a JSON object'));
  }
  return parsed;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new Failure('bad_request', validationFailure('the body is not valid JSON'), { cause: error });
  }
}

/** Node reads headers as Latin-1; callers write UTF-8, as they do in GraphQL, so that one key is the same in both. */
function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (typeof header !== 'string') return undefined;
  const bytes = Buffer.from(header, 'latin1');
  // What is no UTF-8 would become replacement characters, and two keys one. The empty key is refused.
  return isUtf8(bytes) ? bytes.toString('utf8') : '';
}
