import fc from 'fast-check';
import type { Step } from './cancelStep.ts';
import type { GivenItem } from './orderItems.ts';
import { type OutsideWrite, outsideWrites, type PlannedWrite } from './outsideWrites.ts';

/** A step with positions instead of ids, and names of orders, because neither exist yet. */
export type PlannedStep = Omit<Step, 'ids' | 'caller'> & {
  readonly places: readonly Place[];
  readonly caller: 0 | 1;
};

interface Place {
  /** The position of an item. One past the last is an unknown id, two past it a malformed one. */
  readonly position: number;
  readonly inUpperCase: boolean;
}

/** The orders of the items. Nothing is ever in the last one. */
export const ORDERS = ['first', 'second', 'unknown'] as const;

/** What the positions and names of planned steps stand for. */
export interface Roster {
  /** By position: the items, those included that only another system adds. */
  readonly items: readonly (readonly [id: string, given: GivenItem])[];
  readonly callers: readonly [string, string];
  readonly nameOrder: (planned: string) => string;
}

const UNKNOWN_ID = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';

/** Creates items. */
export const givenItem = fc.record({
  isPreOrder: fc.oneof({ weight: 7, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  status: fc.oneof(
    { weight: 7, arbitrary: fc.constantFrom('pending' as const, 'on_hold' as const, 'in_fulfillment' as const) },
    { weight: 1, arbitrary: fc.constantFrom('complete' as const, 'returned' as const) },
  ),
  quantity: fc.constantFrom(1, 2, 5),
  orderId: fc.constantFrom(ORDERS[0], ORDERS[0], ORDERS[1]),
  // Items of one age are told apart by their ids.
  createdAt: fc.constantFrom(...[1, 2, 3].map((day) => new Date(Date.UTC(2025, 0, day)))),
});

/** Replaces the positions and names of a planned step. */
export function resolveStep({ places, caller, ...planned }: PlannedStep, { items, callers, nameOrder }: Roster): Step {
  const ids = [...items.map(([id]) => id), UNKNOWN_ID, 'nonsense'];
  return {
    ...planned,
    caller: callers[caller],
    ids: places.map(({ position, inUpperCase }) => {
      const id = ids[position] ?? '';
      return inUpperCase ? id.toUpperCase() : id;
    }),
    order: planned.order === null ? null : { ...planned.order, id: nameOrder(planned.order.id) },
  };
}

/** Replaces the positions and names of a planned write. */
export function resolveWrite({ position, ...planned }: PlannedWrite, { items, nameOrder }: Roster): OutsideWrite {
  const [id = '', item = {}] = items[position] ?? [];
  if (planned.kind === 'add') return { id, kind: 'add', item };
  if (planned.kind !== 'set' || planned.column !== 'orderId') return { id, ...planned };
  return { id, ...planned, value: nameOrder(String(planned.value)) };
}

// A few texts, so that steps often repeat each other.
const words = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('Late', '  Late\n', 'Changed my mind', '☂'.repeat(500)) },
  { weight: 2, arbitrary: fc.constantFrom('', ' \t', 'x'.repeat(501), '😀'.repeat(500), '\ud800', 'a\0b') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);

const reasonCode = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('other', 'other', 'fraud') },
  { weight: 1, arbitrary: fc.constant('Other') },
);
const quantity = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(1, 2, 3) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 2_147_483_647) },
);

const stated = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ reason: words, note: words, reasonCode }, { requiredKeys: ['reason'] }),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        reason: fc.oneof(words, fc.constantFrom(0, null, true)),
        reasonCode: fc.oneof(reasonCode, fc.constantFrom(0, null, '')),
        note: fc.oneof(words, fc.constantFrom(0, null, 'x'.repeat(2_001))),
      },
      { requiredKeys: [] },
    ),
  },
);

/** Half of the cancels of one item are of some of its units. */
const statedOfOne = fc.oneof(
  { weight: 1, arbitrary: stated },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        stated,
        fc.oneof({ weight: 9, arbitrary: quantity }, { weight: 1, arbitrary: fc.constantFrom(null, '1', 1.5) }),
      )
      .map(([others, units]) => ({ ...others, quantity: units })),
  },
);

const idempotencyKey = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 6, arbitrary: fc.constantFrom('1', '2', 'Schlüssel ☂', 'x'.repeat(255)) },
  { weight: 1, arbitrary: fc.constantFrom('', 'x'.repeat(256), 'zero\u200bwidth') },
);

/** Creates histories: steps of callers, and writes of other systems between them. @param count is the number of items. */
export function cancelHistories(count: number): fc.Arbitrary<readonly (PlannedStep | PlannedWrite)[]> {
  const place = fc.record({
    position: fc.oneof(
      { weight: 9, arbitrary: fc.nat({ max: count - 1 }) },
      { weight: 1, arbitrary: fc.integer({ min: count, max: count + 1 }) },
    ),
    inUpperCase: fc.boolean(),
  });
  const common = { caller: fc.constantFrom(0, 1), idempotencyKey };
  const ofItems = { ...common, order: fc.constant(null) };
  const byRest = fc.record({
    ...ofItems,
    door: fc.constant('rest'),
    places: fc.array(place, { minLength: 1, maxLength: 1 }),
    stated: fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: statedOfOne }),
  });
  const byGraphQL = fc.record({
    ...ofItems,
    door: fc.constant('graphql'),
    places: fc.array(place, { minLength: 1, maxLength: 1 }),
    stated: statedOfOne,
  });
  const inBulk = fc.record({
    ...ofItems,
    door: fc.constant('graphqlBulk'),
    places: fc.array(place, { minLength: 1, maxLength: 4 }),
    stated,
  });
  const ofOrder = fc.record({
    ...common,
    door: fc.constant('graphqlOrder'),
    places: fc.constant([]),
    order: fc.record({
      id: fc.constantFrom(ORDERS[0], ...ORDERS),
      mode: fc.constantFrom('ALL_CANCELABLE', 'ALL_OR_NOTHING'),
    }),
    stated,
  });
  const step: fc.Arbitrary<PlannedStep> = fc.oneof(
    { weight: 1, arbitrary: byRest },
    { weight: 1, arbitrary: byGraphQL },
    { weight: 1, arbitrary: inBulk },
    { weight: 2, arbitrary: ofOrder },
  );
  const again = fc.record({ back: fc.nat({ max: 3 }), isChanged: fc.boolean() });
  const write = outsideWrites(count, ORDERS.slice(0, 2));
  const next = fc.oneof(
    { weight: 4, arbitrary: step },
    { weight: 2, arbitrary: again },
    { weight: 2, arbitrary: write },
  );
  return fc.array(next, { minLength: 1, maxLength: 20, size: 'max' }).map((planned) => {
    const steps: PlannedStep[] = [];
    return planned.flatMap((one): (PlannedStep | PlannedWrite)[] => {
      if ('kind' in one) return [one];
      const earlier = 'back' in one ? steps.at(-1 - Math.min(one.back, steps.length - 1)) : one;
      if (earlier === undefined) return [];
      const taken = 'back' in one && one.isChanged ? changeStep(earlier) : earlier;
      steps.push(taken);
      return [taken];
    });
  });
}

/** The same request through the other door, as far as that door can express it. Of an order, the request in the other mode. */
function changeStep(step: PlannedStep): PlannedStep {
  if (step.order !== null) {
    const mode = step.order.mode === 'ALL_OR_NOTHING' ? 'ALL_CANCELABLE' : 'ALL_OR_NOTHING';
    return { ...step, order: { ...step.order, mode } };
  }
  if (step.door !== 'rest') return step.places.length === 1 ? { ...step, door: 'rest' } : step;
  if (step.stated === null) return step;
  return { ...step, door: 'quantity' in step.stated ? 'graphql' : 'graphqlBulk' };
}
