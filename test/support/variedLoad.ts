import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { lockItem } from './lockedItem.ts';
import { anOrderItem } from './orderItems.ts';
import type { TestService } from './testService.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const CANCEL = 'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }';

/** Sends a mix of requests through both doors. The cancel of a locked item runs into its lock timeout. */
export async function varyLoad(service: TestService): Promise<void> {
  const { dataSource, graphql, cancelByRest } = service;
  const [one, other, never] = [
    await anOrderItem(dataSource),
    await anOrderItem(dataSource),
    await anOrderItem(dataSource, { isPreOrder: false }),
  ];
  const cancel = (id: string): Promise<unknown> => graphql(CANCEL, { input: { id, reason: 'Late' } });
  await Promise.all([
    fetch(`${service.url}/health/ready`),
    graphql(`{ orderItem(id: "${one}") { id cancellation { reason } } }`),
    graphql('{ orderItems(first: 5) { edges { node { id } } } }'),
    cancel(never),
    cancelByRest(one),
    cancel(other),
    cancelByRest(other, { token: null }),
  ]);
  await Promise.all([
    cancelByRest(one),
    cancel(other),
    graphql(`{ orderItem(id: "${one}") { cancellation { note } } }`),
  ]);
  await failOnce(service);
  const locked = await anOrderItem(dataSource);
  const lock = await lockItem(service.databaseUrl, locked);
  await Promise.all([cancelByRest(locked), cancel(locked)]);
  await lock.release();
  // Garbage collection would happen at an unknown time.
  collectGarbage();
}

/** Causes an internal error. */
async function failOnce({ dataSource, graphql, cancelByRest }: TestService): Promise<void> {
  const id = await anOrderItem(dataSource);
  await dataSource.query('ALTER TABLE order_item RENAME COLUMN external_id TO another_id');
  await Promise.all([graphql(`{ orderItem(id: "${id}") { externalId } }`), cancelByRest(id)]);
  await dataSource.query('ALTER TABLE order_item RENAME COLUMN another_id TO external_id');
}
