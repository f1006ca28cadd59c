import { cancelDemonstrationItems, loadDemonstration } from '../../src/demonstration/loadDemonstration.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

test('the demonstration cancels items in part and whole, with codes, and a second call changes nothing', async () => {
  await loadDemonstration(service.databaseUrl);
  expect(await cancelDemonstrationItems({ dataSource, distributed: false })).toBe(47);
  const readAll = (): Promise<object[]> =>
    dataSource.query('SELECT * FROM order_item_cancellation ORDER BY order_item_id, cancelled_before');
  const cancellations = await readAll();
  expect(await cancelDemonstrationItems({ dataSource, distributed: false })).toBe(47);
  expect(await readAll()).toEqual(cancellations);

  const items = await dataSource.query<object[]>(
    `SELECT count(*)::int AS items, count(*) FILTER (WHERE cancelled_quantity < quantity)::int AS "inPart",
       bool_and((status = 'cancelled') = (cancelled_quantity = quantity)) AS "haveRightStatus",
       bool_and(cancelled_quantity = (SELECT sum(quantity) FROM order_item_cancellation WHERE order_item_id = order_item.id))
         AS "addUp"
     FROM order_item WHERE cancelled_quantity > 0`,
  );
  expect(items).toEqual([{ items: 33, inPart: 17, haveRightStatus: true, addUp: true }]);

  // The list for support pages through them, in part and whole, by code.
  const { data } = await service.graphql(
    `{ cancellations(first: 3, filter: { reasonCode: "release_delayed" }) {
      edges { node { quantity reason reasonCode orderItem { quantity cancelledQuantity } } } pageInfo { hasNextPage }
    } }`,
  );
  expect(data.cancellations.pageInfo).toEqual({ hasNextPage: true });
  expect(data.cancellations.edges.map(({ node }: { node: object }) => node)).toEqual(
    Array.from({ length: 3 }, () =>
      expect.objectContaining({ reason: 'The release was delayed', reasonCode: 'release_delayed' }),
    ),
  );
});
