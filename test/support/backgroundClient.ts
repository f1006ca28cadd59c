import { setTimeout as sleep } from 'node:timers/promises';
import { anOrderItem } from './orderItems.ts';
import type { TestService } from './testService.ts';
import { waitFor } from './waitFor.ts';

/** A normal client in the background. It repeatedly reads an item, as a router does, and cancels it. */
export interface BackgroundClient {
  /** Runs an attack, and expects that the client got right answers meanwhile. */
  readonly during: <T>(attack: () => Promise<T>) => Promise<T>;
  /** Stops the client and expects that all of its answers were right. Returns the number of answers. */
  readonly stop: () => Promise<number>;
}

const PAUSE_MS = 5;

const ENTITY = `query($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on OrderItem { id status cancelability { cancelable } } }
}`;
const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) { ... on CancelOrderItemSuccess { orderItem { id status } } }
}`;

/** Starts a client. The end of the test file stops it, too. */
export function startBackgroundClient(service: TestService): BackgroundClient {
  const wrong: unknown[] = [];
  let served = 0;
  let stopped = false;
  const live = async (): Promise<void> => {
    while (!stopped) {
      try {
        await useService(service);
        served += 1;
      } catch (error) {
        wrong.push(error);
      }
      await sleep(PAUSE_MS);
    }
  };
  const living = live();
  afterAll(async () => {
    stopped = true;
    await living;
  });
  return {
    during: async (attack) => {
      const before = served;
      const result = await attack();
      // The request that was running at the end of the attack counts, too.
      await waitFor('an answer to the background client', () => served > before || wrong.length > 0);
      expect(wrong).toEqual([]);
      return result;
    },
    stop: async () => {
      stopped = true;
      await living;
      expect(wrong).toEqual([]);
      return served;
    },
  };
}

/** Sends the client's requests. @throws if an answer is wrong. */
async function useService(service: TestService): Promise<void> {
  const id = await anOrderItem(service.dataSource, { orderId: 'background' });
  const read = await service.graphql(ENTITY, { representations: [{ __typename: 'OrderItem', id }] });
  expect({ status: read.status, errors: read.errors, data: read.data }).toEqual({
    status: 200,
    errors: [],
    data: { _entities: [{ id, status: 'PENDING', cancelability: { cancelable: true } }] },
  });
  const cancelled = await service.graphql(CANCEL, { input: { id, reason: 'Changed my mind' } });
  expect({ status: cancelled.status, errors: cancelled.errors, data: cancelled.data }).toEqual({
    status: 200,
    errors: [],
    data: { cancelOrderItem: { orderItem: { id, status: 'CANCELLED' } } },
  });
}
