import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createDemonstrationCancellations } from '../../src/demonstration/demonstrationCancellations.ts';
import { createDemonstrationItems } from '../../src/demonstration/demonstrationItems.ts';
import { findRecordedCancellations } from '../../src/demonstration/recordedCancellations.ts';
import { readRetailLines } from '../../src/demonstration/retailLines.ts';
import { checkRow } from '../../src/import/checkRow.ts';

const lines = await readRetailLines();
const items = createDemonstrationItems(lines).map(({ values }) => values);
const cancellations = findRecordedCancellations(lines);
const cancels = createDemonstrationCancellations(lines);

function countBy<T>(values: readonly T[], nameGroup: (value: T) => string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(Object.groupBy(values, nameGroup)).map(([name, group]) => [name, group?.length ?? 0]),
  );
}

describe('the demonstration data', () => {
  test('accounts for every record of the source file', () => {
    expect(lines).toHaveLength(9_999);
    expect(countBy(lines, ({ kind }) => kind)).toEqual({ order: 9_869, cancellation: 100, 'write-off': 30 });
    expect(items).toHaveLength(9_869);
    expect(cancellations).toHaveLength(100);
  });

  test('treats only records without customer and price as write-offs', () => {
    const writtenOff = lines.filter(({ kind }) => kind === 'write-off');
    expect(writtenOff.filter(({ customer, unitPrice }) => customer !== '' || unitPrice !== '0')).toEqual([]);
  });

  test('follows the rules of its README', () => {
    expect(items[0]).toEqual({
      id: '95d77775-5210-53f3-97cb-b62b11d25b1e',
      order_id: '536365',
      product_id: '85123A',
      external_id: '536365:1',
      customer_id: '17850',
      status: 'complete',
      is_pre_order: 'false',
      release_date: null,
      quantity: '6',
      price_amount: '2.55',
      price_currency: 'GBP',
      created_at: '2010-12-01T00:00:01.000Z',
    });
    expect(items[4]).toMatchObject({
      id: 'd9119be5-9c19-517e-8781-6460b617330f',
      external_id: '536365:5',
      status: 'pending',
      is_pre_order: 'true',
      release_date: '2011-02-20',
    });
  });

  test('is the same on every run and machine', () => {
    const digest = createHash('sha256')
      .update(JSON.stringify([items, cancellations]))
      .digest('hex');
    expect(digest).toBe('5af2c6d6f8eedc88a75a715a0ab3182eb42016aecb5b7bf9615ee33a8147e982');
  });

  test('holds items that an import accepts, with unique ids, in the order of the source file', () => {
    expect(createDemonstrationItems(lines).filter((row) => 'defect' in checkRow(row))).toEqual([]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    const times = items.map(({ created_at: createdAt }) => createdAt ?? '');
    expect(times).toEqual([...new Set(times)].toSorted());
  });

  test('has one release date for each pre-ordered product, after all orders, and none for other products', () => {
    const datesByProduct = new Map<unknown, Set<unknown>>();
    for (const item of items) {
      datesByProduct.set(item.product_id, (datesByProduct.get(item.product_id) ?? new Set()).add(item.release_date));
    }
    expect([...datesByProduct].filter(([, dates]) => dates.size > 1)).toEqual([]);
    const wrong = items.filter(({ is_pre_order: isPreOrder, release_date: date }) =>
      isPreOrder === 'true' ? typeof date !== 'string' || date <= '2010-12-05' : date !== null,
    );
    expect(wrong).toEqual([]);
  });

  test('has items in every status, pre-ordered and not', () => {
    expect(
      countBy(items, (item) => `${item.is_pre_order === 'true' ? 'pre-ordered' : 'in stock'} ${item.status}`),
    ).toEqual({
      'pre-ordered pending': 1481,
      'pre-ordered on_hold': 394,
      'pre-ordered in_fulfillment': 291,
      'pre-ordered complete': 85,
      'pre-ordered cancelled': 143,
      'pre-ordered returned': 49,
      'in stock pending': 557,
      'in stock on_hold': 233,
      'in stock in_fulfillment': 1049,
      'in stock complete': 4903,
      'in stock cancelled': 216,
      'in stock returned': 468,
    });
  });

  test('is attributed to its authors in its README', async () => {
    const readme = await readFile(path.join(import.meta.dirname, '../../src/demonstration/README.md'), 'utf8');
    expect(readme).toContain('https://doi.org/10.24432/C5BW33');
    expect(readme).toContain('CC BY 4.0');
  });
});

describe('a recorded cancellation', () => {
  test('names a distinct item, which the source file holds for 9 of 100 cancellations', () => {
    const ids = new Set(items.map(({ id }) => id));
    const found = cancellations.filter(({ orderItemId }) => ids.has(orderItemId));
    expect(found).toHaveLength(9);
    expect(new Set(cancellations.map(({ orderItemId }) => orderItemId)).size).toBe(100);
  });

  test('cancels the latest order of the same customer and product whose quantity suffices', () => {
    const findId = (externalId: string): unknown => items.find((item) => item.external_id === externalId)?.id;
    const itemIdByCancellation = Object.fromEntries(
      cancellations.map(({ externalId, orderItemId }) => [externalId, orderItemId]),
    );
    expect(itemIdByCancellation['C536506:1']).toBe(findId('536488:3'));
    expect(itemIdByCancellation['C536979:1']).toBe(findId('536557:47'));
  });
});

describe('the cancels of the demonstration', () => {
  test('are the five recorded ones that can be carried out, and then made-up ones', () => {
    expect(cancels.slice(0, 5).map(({ reason, quantity }) => [reason, quantity])).toEqual([
      ['Recorded as C536758:1', 1],
      ['Recorded as C536826:1', 2],
      ['Recorded as C536979:1', 1],
      ['Recorded as C537024:1', 36],
      ['Recorded as C537203:1', 1],
    ]);
    expect(cancels).toHaveLength(47);
    expect(new Set(cancels.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(47);
  });

  test('are the same on every run and machine', () => {
    const digest = createHash('sha256').update(JSON.stringify(cancels)).digest('hex');
    expect(digest).toBe('7248ebecf3097e9ad916fd7e2399cebf5c0a71d06c20a3691ff3b95405715e32');
  });

  test('leave the items of the README alone', async () => {
    const readme = await readFile(path.join(import.meta.dirname, '../../README.md'), 'utf8');
    const named = cancels.filter(({ ids }) => readme.includes(String(ids[0])));
    expect(named).toEqual([]);
  });
});
