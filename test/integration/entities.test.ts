import { randomUUID } from 'node:crypto';
import { insertOrderItems } from '../support/orderItems.ts';
import { listStatementsDuring } from '../support/countStatements.ts';
import { startTestService, type GraphQLAnswer } from '../support/testService.ts';

const service = await startTestService();

const ENTITIES = `query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on OrderItem { id status cancelability { cancelable blockers { code } } }
    ... on Order { id items { edges { node { id } } } }
  }
}`;

async function entities(representations: readonly object[]): Promise<{ answer: GraphQLAnswer; statements: string[] }> {
  let answer: GraphQLAnswer | undefined;
  const statements = await listStatementsDuring(service.dataSource, async () => {
    answer = await service.graphql(ENTITIES, { representations });
  });
  if (answer === undefined) throw new Error('There was no answer.');
  return { answer, statements };
}

const item = (id: unknown): object => ({ __typename: 'OrderItem', id });
const order = (id: unknown): object => ({ __typename: 'Order', id });

describe('_entities', () => {
  test('answers 100 representations in order with one statement: known, unknown, malformed, repeated', async () => {
    const known = await insertOrderItems(
      service.dataSource,
      Array.from({ length: 50 }, () => ({})),
    );
    const ids = Array.from({ length: 100 }, (_, i) => [known[i % 25], randomUUID(), 'nonsense', known[i % 50]][i % 4]);

    const { answer, statements } = await entities(ids.map(item));

    expect(answer.errors).toEqual([]);
    expect(answer.data._entities.map((entity: { id: string } | null) => entity?.id ?? null)).toEqual(
      ids.map((id) => (id !== undefined && known.includes(id) ? id : null)),
    );
    expect(statements).toHaveLength(1);
  });

  test('sends no statement if every id is malformed', async () => {
    const { answer, statements } = await entities([
      item('x'),
      item(''),
      item('\0'),
      item('\ud800'),
      item(7),
      item(null),
    ]);
    expect(answer.data._entities).toEqual([null, null, null, null, null, null]);
    expect(statements).toEqual([]);
  });

  test('finds an item by its id in upper case', async () => {
    const [id = ''] = await insertOrderItems(service.dataSource, [{}]);
    const { answer } = await entities([item(id.toUpperCase())]);
    expect(answer.data._entities[0].id).toBe(id);
  });

  test('answers items and orders together, with one statement per type', async () => {
    const [first, second] = await insertOrderItems(service.dataSource, [
      { orderId: 'A-1', createdAt: new Date('2010-12-01') },
      { orderId: 'A-1', createdAt: new Date('2010-12-02') },
    ]);
    const { answer, statements } = await entities([order('A-1'), item(first), order('nobody'), order('A\0'), order(5)]);
    expect(answer.data._entities).toEqual([
      { __typename: 'Order', id: 'A-1', items: { edges: [{ node: { id: second } }, { node: { id: first } }] } },
      { __typename: 'OrderItem', id: first, status: 'PENDING', cancelability: { cancelable: true, blockers: [] } },
      { __typename: 'Order', id: 'nobody', items: { edges: [] } },
      { __typename: 'Order', id: 'A\0', items: { edges: [] } },
      { __typename: 'Order', id: '5', items: { edges: [] } },
    ]);
    expect(statements).toHaveLength(2);
  });

  test('accepts representations in the document', async () => {
    const [id = ''] = await insertOrderItems(service.dataSource, [{}]);
    const { data } = await service.graphql(
      `{ _entities(representations: [{ __typename: "OrderItem", id: "${id}" }]) { ... on OrderItem { id } } }`,
    );
    expect(data._entities).toEqual([{ id }]);
  });

  test('answers 1,000 representations, and refuses 1,001 and unknown types as bad input', async () => {
    const { answer, statements } = await entities(Array.from({ length: 1_000 }, () => item(randomUUID())));
    expect(answer.data._entities).toEqual(Array.from({ length: 1_000 }, () => null));
    expect(statements).toHaveLength(1);
    for (const representations of [
      Array.from({ length: 1_001 }, () => item(randomUUID())),
      [item(randomUUID()), { __typename: 'Product', id: '1' }],
      [{ __typename: '__proto__', id: '1' }],
      [{ id: randomUUID() }],
    ]) {
      const { answer: refused } = await entities(representations);
      expect(refused.status).toBe(200);
      expect(refused.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    }
  });
});
