import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireScope } from '../../auth/caller.ts';
import { type AccessHooks, getCaller } from '../../http/access.ts';
import { findUnsupportedEncoding } from '../../http/bodyEncoding.ts';
import { Failure, toFailure } from '../../http/failures.ts';
import { reportOutcome } from '../../http/server.ts';
import type { CancellationWindows } from '../cancellationWindows.ts';
import type { CancelOrderItems } from '../cancelOrderItems.ts';
import { toIsoString } from '../instant.ts';
import type { Cancelled, CancelOutcome } from '../judgeCancels.ts';
import { type GivenReason, parseCancelReason } from '../cancelRequest.ts';
import { parseOrderItemId } from '../orderItem.ts';
import type { ReasonCodes } from '../reasonCodes.ts';
import { malformedOrderItemId, type RefusalCode, validationFailure } from '../refusals.ts';

/** The HTTP status and error code of each refusal. */
const REFUSALS = {
  ORDER_ITEM_NOT_FOUND: { status: 404, errorCode: 'not_found' },
  ORDER_ITEM_NOT_CANCELABLE: { status: 400, errorCode: 'bad_request' },
  QUANTITY_NOT_CANCELABLE: { status: 400, errorCode: 'bad_request' },
  // The path takes no order, so this never occurs.
  ORDER_NOT_CANCELABLE_AS_WHOLE: { status: 400, errorCode: 'bad_request' },
  INVALID_CANCEL_REQUEST: { status: 400, errorCode: 'bad_request' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, errorCode: 'idempotency_key_reused' },
} as const satisfies Record<RefusalCode, { status: number; errorCode: string }>;

const CANCEL_PATH = '/v0/line_item/:uuid/cancel';

export interface LineItemRoutesOptions {
  readonly cancel: CancelOrderItems;
  readonly windows: CancellationWindows;
  readonly access: AccessHooks;
  /** The codes that cancels can state. */
  readonly reasonCodes: ReasonCodes;
}

/** Serves the REST door. It translates and decides nothing. */
export async function addLineItemRoutes(
  server: FastifyInstance,
  { cancel, windows, access, reasonCodes }: LineItemRoutesOptions,
): Promise<void> {
  await server.register(async (scope) => {
    // Keeps the raw bytes. An empty body counts as no body, with any content type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });

    scope.route<{ Params: { uuid: string } }>({
      method: 'POST',
      url: CANCEL_PATH,
      onRequest: [
        // Fastify refuses an empty content type even without a body.
        async ({ headers }) => {
          if (headers['content-type'] === '') delete headers['content-type'];
        },
        ...access.admit,
        access.requireCaller,
        async (request) => {
          requireScope(getCaller(request), 'order-items:cancel');
        },
      ],
      handler: async (request, reply) => {
        const outcome = await cancelOne(request, { cancel, windows, reasonCodes });
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

/** Cancels the item of a request. It checks the path before the body. */
async function cancelOne(
  request: FastifyRequest<{ Params: { uuid: string } }>,
  { cancel, windows, reasonCodes }: Pick<LineItemRoutesOptions, 'cancel' | 'windows' | 'reasonCodes'>,
): Promise<CancelOutcome> {
  const id = request.params.uuid;
  if (parseOrderItemId(id) === null) return malformedOrderItemId();
  const statement = parseCancelReason(readBody(request), readIdempotencyKey(request), reasonCodes);
  if ('code' in statement) return statement;
  const caller = getCaller(request);
  const [outcome] = await cancel({
    ...statement,
    ids: [id],
    order: null,
    cancelledBy: caller.subject,
    customer: requireScope(caller, 'order-items:cancel'),
    channel: 'rest',
    requestId: request.id,
    closedWindows: windows.closedAt(request.arrivedAt),
  });
  if (outcome === undefined) throw new Error('A cancel of one item has one outcome.');
  return outcome;
}

function sendCancelled({ orderItem, cancellation }: Cancelled, reply: FastifyReply): FastifyReply {
  return reply.send({
    id: orderItem.id,
    status: cancellation.remaining === 0 ? 'cancelled' : cancellation.previousStatus,
    quantity: cancellation.quantity,
    remaining: cancellation.remaining,
    cancelled_at: toIsoString(cancellation.cancelledAt),
    // A repeat returns the id of the first request, which finds the cancellation.
    request_id: cancellation.requestId,
  });
}

/**
 * Reads what the body states.
 *
 * @returns null if there is no body.
 * @throws Failure if the body is not a JSON object.
 */
function readBody({ body, headers }: Pick<FastifyRequest, 'body' | 'headers'>): GivenReason | null {
  if (!Buffer.isBuffer(body) || body.length === 0) return null;
  const mediaType = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') throw toFailure({ statusCode: 415 });
  const unsupported = findUnsupportedEncoding(headers);
  if (unsupported !== null) throw unsupported;
  const parsed = parseJson(body);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Failure('bad_request', validationFailure('the body is not a JSON object'));
  }
  const { reason, reason_code: reasonCode, note, quantity }: Record<string, unknown> = { ...parsed };
  return { reason, reasonCode, note, quantity };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new Failure('bad_request', validationFailure('the body is not valid JSON'), { cause: error });
  }
}

/** Reads the key as UTF-8, so that a key is the same through both doors. Node decodes headers as Latin-1. */
function readIdempotencyKey(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (typeof header !== 'string') return undefined;
  const bytes = Buffer.from(header, 'latin1');
  // Replacement characters would make different keys equal. The empty key is refused later.
  return isUtf8(bytes) ? bytes.toString('utf8') : '';
}
