import { randomUUID } from 'node:crypto';
import { anOrderItem } from '../support/orderItems.ts';
import { statementsDuring } from '../support/countStatements.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();

const ENTITIES = `query($representations: [_Any!]!) {
  _entities(representations: $representations) { __typename ... on OrderItem { id status quantity price { amount } } }
}`;

test('answers 100 representations in order with one statement, null for unknown and malformed ids', async () => {
  const id = await anOrderItem(service.dataSource);
  const representations = Array.from({ length: 100 }, (_, i) => ({ __typename: 'OrderItem', id: i % 3 === 0 ? id : i % 3 === 1 ? randomUUID() : 'nonsense' }));
  let answer: unknown;
  const statements = await statementsDuring(service.dataSource, async () => {
    answer = await service.graphql(ENTITIES, { representations });
  });
  expect(statements).toHaveLength(1);
  console.log(JSON.stringify(answer).slice(0, 400));
});
