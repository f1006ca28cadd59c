import fc from 'fast-check';
import type { Step } from './cancelModel.ts';

/** A step with positions instead of ids, because the items do not exist yet. */
export type PlannedStep = Omit<Step, 'ids' | 'caller'> & {
  readonly places: readonly Place[];
  readonly caller: 0 | 1;
};

interface Place {
  /** The position of an item. One past the last is an unknown id, two past it a malformed one. */
  readonly position: number;
  readonly inUpperCase: boolean;
}

// A few texts, so that steps often repeat each other.
const words = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('Late', '  Late\n', 'Changed my mind', '☂'.repeat(500)) },
  { weight: 2, arbitrary: fc.constantFrom('', ' \t', 'x'.repeat(501), '😀'.repeat(500), '\ud800', 'a\0b') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);

const reasonCode = fc.constantFrom('other', 'other', 'fraud', 'Other');
const quantity = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(1, 2, 3) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 2_147_483_647) },
);

const stated = fc.oneof(
  {
    weight: 6,
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

/** Creates sequences of steps. @param count is the number of items. */
export function cancelSteps(count: number): fc.Arbitrary<PlannedStep[]> {
  const place = fc.record({
    position: fc.oneof(
      { weight: 9, arbitrary: fc.nat({ max: count - 1 }) },
      { weight: 1, arbitrary: fc.integer({ min: count, max: count + 1 }) },
    ),
    inUpperCase: fc.boolean(),
  });
  const common = { caller: fc.constantFrom(0, 1), idempotencyKey };
  const byRest = fc.record({
    ...common,
    door: fc.constant('rest'),
    places: fc.array(place, { minLength: 1, maxLength: 1 }),
    stated: fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: statedOfOne }),
  });
  const byGraphQL = fc.record({
    ...common,
    door: fc.constant('graphql'),
    places: fc.array(place, { minLength: 1, maxLength: 1 }),
    stated: statedOfOne,
  });
  const inBulk = fc.record({
    ...common,
    door: fc.constant('graphqlBulk'),
    places: fc.array(place, { minLength: 1, maxLength: 4 }),
    stated,
  });
  const step: fc.Arbitrary<PlannedStep> = fc.oneof(byRest, byGraphQL, inBulk);
  const again = fc.record({ back: fc.nat({ max: 3 }), atOtherDoor: fc.boolean() });
  return fc
    .array(fc.oneof({ weight: 3, arbitrary: step }, { weight: 2, arbitrary: again }), { minLength: 1, maxLength: 20 })
    .map((planned) => {
      const steps: PlannedStep[] = [];
      for (const next of planned) {
        if (!('back' in next)) {
          steps.push(next);
          continue;
        }
        const earlier = steps.at(-1 - Math.min(next.back, steps.length - 1));
        if (earlier !== undefined) steps.push(next.atOtherDoor ? throughOtherDoor(earlier) : earlier);
      }
      return steps;
    });
}

/** The same request through the other door, as far as that door can express it. */
function throughOtherDoor(step: PlannedStep): PlannedStep {
  if (step.door !== 'rest') return step.places.length === 1 ? { ...step, door: 'rest' } : step;
  if (step.stated === null) return step;
  return { ...step, door: 'quantity' in step.stated ? 'graphql' : 'graphqlBulk' };
}
