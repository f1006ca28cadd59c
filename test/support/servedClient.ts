import { anOrderItem, findCancellations } from './orderItems.ts';
import type { TestService } from './testService.ts';

/** Expects that a normal client can read and cancel. */
export async function expectServed(service: TestService): Promise<void> {
  const id = await anOrderItem(service.dataSource);
  const read = await service.graphql('query($id: ID!) { orderItem(id: $id) { status } }', { id });
  expect(read).toMatchObject({ status: 200, data: { orderItem: { status: 'PENDING' } } });
  expect((await service.cancelByRest(id)).status).toBe(200);
  expect(await findCancellations(service.dataSource, [id])).toHaveLength(1);
}
