import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { QueryFailedError } from 'typeorm';
import { readCode } from '../../src/database/errors.ts';
import { CancelModel } from './cancelModel.ts';
import { cancelHistories, givenItem, ORDERS, resolveStep, resolveWrite, type Roster } from './cancelSteps.ts';
import { findCancellations, findOrderItem, insertOrderItems } from './orderItems.ts';
import { writeOutside, type OutsideWrite } from './outsideWrites.ts';
import { seeded } from './seeded.ts';
import { type Execution, execute, ITEM_VIEW, takeStep } from './takeStep.ts';
import type { TestService } from './testService.ts';

/** Items of a history. The last ones are there only after another system has added them. */
const ITEMS = 5;
const FIRST_ITEMS = 3;

/** The class of SQLSTATE: an integrity constraint was violated. */
const REFUSED = '23';

const READ = `query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on OrderItem {
      ${ITEM_VIEW} cancellation { requestId } cancellations { quantity reason reasonCode note cancelledBy channel requestId }
    }
    ... on Order { id ofOrder: cancelability { cancelable cancelableItems blockedItems blockers { code } } }
  }
}`;

/**
 * Runs random histories: cancels of items in whole and in part, of several items and of orders, by both doors, with writes of
 * other systems between them. Every answer, row and read must be what the model predicts. Each operation is interpreted or
 * compiled.
 */
export async function expectHistoriesAsModel(service: TestService, numRuns: number): Promise<void> {
  const roster = fc.array(givenItem, { minLength: ITEMS, maxLength: ITEMS });
  const history = cancelHistories(ITEMS).chain((planned) =>
    fc
      .array(fc.constantFrom<Execution>('interpreted', 'compiled'), {
        minLength: planned.length,
        maxLength: planned.length,
      })
      .map((executions) => planned.map((next, position) => [next, executions[position] ?? 'compiled'] as const)),
  );
  await fc.assert(
    fc.asyncProperty(roster, history, async (given, planned) => {
      const run = randomUUID();
      const nameOrder = (name: string): string => `${name} ${run}`;
      const items = given.map(
        (item, position) => [`${run.slice(0, -1)}${position}`, { ...item, orderId: nameOrder(item.orderId) }] as const,
      );
      const callers: Roster['callers'] = [`one ${run}`, `another ${run}`];
      const history: Roster = { items, callers, nameOrder };
      const there = items.slice(0, FIRST_ITEMS);
      await insertOrderItems(
        service.dataSource,
        there.map(([id, item]) => ({ id, ...item })),
      );
      const model = new CancelModel(there);
      for (const [next, execution] of planned) {
        if ('kind' in next) {
          const change = resolveWrite(next, history);
          expect({ change, isTaken: await tryWrite(service, change) }).toEqual({
            change,
            isTaken: model.write(change),
          });
          continue;
        }
        const step = resolveStep(next, history);
        const token = await service.token({ subject: step.caller });
        const { outcomes, items: told, requestId } = await takeStep(service, step, execution, token);
        expect({ step, outcomes }).toEqual({ step, outcomes: model.take(step, requestId) });
        expect({ step, told }).toEqual({ step, told: told.map(({ id }) => model.view(id)) });
      }
      await expectRowsAsModel(service, model);
      const names = ORDERS.map(nameOrder);
      const ids = items.map(([id]) => id);
      for (const execution of ['interpreted', 'compiled'] as const) {
        await expectReadsAsModel(service, model, ids, names, execution);
      }
    }),
    seeded('Histories of cancels against the model', numRuns),
  );
}

/** @returns whether the database takes the write. */
async function tryWrite({ dataSource }: TestService, change: OutsideWrite): Promise<boolean> {
  try {
    await writeOutside(dataSource, change);
    return true;
  } catch (error) {
    if (error instanceof QueryFailedError && readCode(error)?.startsWith(REFUSED) === true) return false;
    throw error;
  }
}

async function expectRowsAsModel({ dataSource }: TestService, model: CancelModel): Promise<void> {
  for (const [id, { records, createdAt: _age, ...item }] of model.items) {
    expect(await findOrderItem(dataSource, id)).toMatchObject(item);
    const rows = await findCancellations(dataSource, [id]);
    expect(rows).toHaveLength(records.length);
    expect(rows).toEqual(expect.arrayContaining(records.map((record) => expect.objectContaining(record))));
  }
}

async function expectReadsAsModel(
  service: TestService,
  model: CancelModel,
  ids: readonly string[],
  orders: readonly string[],
  execution: Execution,
): Promise<void> {
  const { data, errors } = await execute(service, execution, READ, {
    representations: [
      ...ids.map((id) => ({ __typename: 'OrderItem', id })),
      ...orders.map((id) => ({ __typename: 'Order', id })),
    ],
  });
  expect(errors).toEqual([]);
  expect(data._entities).toEqual([
    ...ids.map((id) => describeItem(model, id)),
    ...orders.map((id) => ({ id, ofOrder: describeOrder(model, id) })),
  ]);
}

function describeItem(model: CancelModel, id: string): object | null {
  const view = model.view(id);
  if (view === null) return null;
  const { records = [] } = model.items.get(id) ?? {};
  const last = records.at(-1);
  return {
    ...view,
    cancellation: last?.['remaining'] === 0 ? { requestId: last['request_id'] } : null,
    cancellations: records.map((record) => ({
      quantity: record['quantity'],
      reason: record['reason'],
      reasonCode: record['reason_code'],
      note: record['note'],
      cancelledBy: record['cancelled_by'],
      channel: String(record['channel']).toUpperCase(),
      requestId: record['request_id'],
    })),
  };
}

function describeOrder(model: CancelModel, orderId: string): object {
  const views = model.listItemsOfOrder(orderId).flatMap((id) => model.view(id) ?? []);
  const blocked = views.filter(({ cancelability }) => !cancelability.cancelable);
  const codes = blocked.flatMap(({ cancelability }) => cancelability.blockers.map(({ code }) => code));
  return {
    cancelable: blocked.length < views.length,
    cancelableItems: views.length - blocked.length,
    blockedItems: blocked.length,
    blockers: ['NOT_PRE_ORDERED', 'TERMINAL_STATUS'].filter((code) => codes.includes(code)).map((code) => ({ code })),
  };
}
