import { randomUUID } from 'node:crypto';
import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';
import { anOrderItem, findCancellations, findOrderItem } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService({ LOCK_TIMEOUT_MS: '300' });
const { dataSource } = service;

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) { __typename ... on CancelOrderItemRefusal { message } }
}`;

interface Attempt {
  /** Undefined: leaves it to the builder. */
  readonly id?: string;
  readonly item?: Parameters<typeof anOrderItem>[1];
  readonly reason?: string;
  readonly note?: string;
  readonly idempotencyKey?: string;
  readonly scope?: string;
  /** What the key was used for before, through the same door. */
  readonly keyUsedFor?: 'the same request' | 'another item';
}

type Door = 'graphql' | 'rest';

/** What a caller is told, without the words that belong to one door alone. */
interface ModelOutcome {
  readonly outcome: string;
  readonly message: string | null;
}

/** The outcomes under the names of the REST door. */
const NAMES: Record<string, string> = {
  CancelOrderItemSuccess: 'cancelled',
  OrderItemNotFound: 'not_found',
  OrderItemNotCancelable: 'bad_request',
  InvalidCancelRequest: 'bad_request',
  IdempotencyKeyReused: 'idempotency_key_reused',
  FORBIDDEN: 'forbidden',
  UNAUTHENTICATED: 'unauthorized',
  SERVICE_UNAVAILABLE: 'service_unavailable',
};

async function cancel(id: string, door: Door, attempt: Attempt): Promise<ModelOutcome> {
  const token = await service.token(attempt.scope === undefined ? {} : { scope: attempt.scope });
  const { reason = 'Changed my mind', note, idempotencyKey } = attempt;
  if (door === 'rest') {
    const { status, body } = await service.cancelByRest(encodeURIComponent(id), {
      body: { reason, ...(note === undefined ? {} : { note }) },
      token,
      headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
    });
    return status === 200
      ? { outcome: 'cancelled', message: null }
      : { outcome: body.error_code, message: body.message };
  }
  const { data, errors } = await service.graphql(CANCEL, { input: { id, reason, note, idempotencyKey } }, token);
  const [error] = errors;
  const name: string = error === undefined ? data.cancelOrderItem.__typename : error.extensions['code'];
  const message = error === undefined ? (data.cancelOrderItem.message ?? null) : error.message;
  return { outcome: NAMES[name] ?? name, message };
}

/** What stands in the database afterwards, without what differs from run to run. */
async function readState(id: string): Promise<unknown> {
  const item = await findOrderItem(dataSource, id).catch(() => undefined);
  const cancellations = item === undefined ? [] : await findCancellations(dataSource, [id]);
  return {
    status: item?.status,
    version: item?.version,
    cancellations: cancellations.map(({ previous_status, reason, note, cancelled_by }) => ({
      previous_status,
      reason,
      note,
      cancelled_by,
    })),
  };
}

async function through(door: Door, attempt: Attempt): Promise<{ told: ModelOutcome; state: unknown }> {
  const id = attempt.id ?? (await anOrderItem(dataSource, attempt.item));
  if (attempt.keyUsedFor === 'the same request') await cancel(id, door, attempt);
  if (attempt.keyUsedFor === 'another item') await cancel(await anOrderItem(dataSource), door, attempt);
  const told = await cancel(id, door, attempt);
  return { told, state: await readState(id) };
}

const statuses = ORDER_ITEM_STATUSES.flatMap((status) =>
  [true, false].map((isPreOrder): [string, Attempt, string] => [
    `${status}, ${isPreOrder ? 'pre-ordered' : 'not pre-ordered'}`,
    { item: { status, isPreOrder } },
    isPreOrder && ['pending', 'on_hold', 'in_fulfillment'].includes(status) ? 'cancelled' : 'bad_request',
  ]),
);

describe('both doors make the same decision, with the same message and the same rows', () => {
  test.each<[string, Attempt, string]>([
    ...statuses,
    ['with a note', { note: ' see mail ' }, 'cancelled'],
    ['unknown item', { id: randomUUID() }, 'not_found'],
    ['malformed id', { id: 'nonsense' }, 'bad_request'],
    ['blank reason', { reason: '   ' }, 'bad_request'],
    ['reason of 501 characters', { reason: 'x'.repeat(501) }, 'bad_request'],
    ['reason with a NUL', { reason: 'a\0b' }, 'bad_request'],
    ['note of 2,001 characters', { note: 'x'.repeat(2_001) }, 'bad_request'],
    ['idempotency key of 256 characters', { idempotencyKey: 'x'.repeat(256) }, 'bad_request'],
    ['idempotency key used before', { keyUsedFor: 'the same request' }, 'cancelled'],
    ['idempotency key of another request', { keyUsedFor: 'another item' }, 'idempotency_key_reused'],
    ['scope missing', { scope: 'order-items:read' }, 'forbidden'],
  ])('%s', async (_, attempt, outcome) => {
    // Each door has a key of its own: with one key for both, the second would hear of the first.
    const keyed = attempt.keyUsedFor === undefined ? () => ({}) : () => ({ idempotencyKey: randomUUID() });
    const graphql = await through('graphql', { ...attempt, ...keyed() });
    const rest = await through('rest', { ...attempt, ...keyed() });
    expect(graphql.told.outcome).toBe(outcome);
    expect(rest).toEqual(graphql);
  });

  test('item locked too long', async () => {
    const id = await anOrderItem(dataSource);
    await dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1 FROM order_item WHERE id = $1 FOR UPDATE', [id]);
      const [graphql, rest] = await Promise.all([cancel(id, 'graphql', {}), cancel(id, 'rest', {})]);
      expect(graphql.outcome).toBe('service_unavailable');
      expect(rest).toEqual(graphql);
    });
    expect(await readState(id)).toMatchObject({ status: 'pending', version: 1, cancellations: [] });
  });

  test('a repeat through the other door gets the first answer', async () => {
    const id = await anOrderItem(dataSource);
    const header = Buffer.from('ключ', 'utf8').toString('latin1');
    const first = await service.cancelByRest(id, { body: { reason: 'Late' }, headers: { 'idempotency-key': header } });
    const { data } = await service.graphql(
      `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) {
         ... on CancelOrderItemSuccess { cancellation { requestId cancelledAt channel } } } }`,
      { input: { id, reason: ' Late ', idempotencyKey: 'ключ' } },
    );
    expect(data.cancelOrderItem.cancellation).toEqual({
      requestId: first.body.request_id,
      cancelledAt: first.body.cancelled_at,
      channel: 'REST',
    });
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
  });
});
