import { findOrderItem, anOrderItem } from '../support/orderItems.ts';
import { openConnection } from '../support/rawHttp.ts';
import { startTestService } from '../support/testService.ts';

const { dataSource, token, url } = await startTestService();

const buildCancelRequest = async (id: string): Promise<string> =>
  `POST /v0/line_item/${id}/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await token()}\r\n\r\n`;

describe('pipelined requests on one connection', () => {
  test('get their answers in the order they were sent', async () => {
    const [first, second] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const connection = await openConnection(url);
    connection.write((await buildCancelRequest(first)) + (await buildCancelRequest(second)));
    expect((await connection.readAnswer()).body).toMatchObject({ id: first });
    expect((await connection.readAnswer()).body).toMatchObject({ id: second });
    connection.destroy();
  });

  test('get an answer before bytes that are not HTTP, which end the connection', async () => {
    const id = await anOrderItem(dataSource);
    const connection = await openConnection(url);
    connection.write(`${await buildCancelRequest(id)}nonsense\r\n\r\n`);
    expect(await connection.readAnswer()).toMatchObject({ status: 200, body: { id, status: 'cancelled' } });
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled' });
    await expect(connection.readAnswer()).rejects.toThrow('ended');
    connection.destroy();
  });

  test('get a 400 for bytes that are not HTTP on an idle connection', async () => {
    const connection = await openConnection(url);
    connection.write(await buildCancelRequest(await anOrderItem(dataSource)));
    expect(await connection.readAnswer()).toMatchObject({ status: 200 });
    connection.write('nonsense\r\n\r\n');
    expect(await connection.readAnswer()).toMatchObject({ status: 400, body: { error_code: 'bad_request' } });
    connection.destroy();
  });
});
