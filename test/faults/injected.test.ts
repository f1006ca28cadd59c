import { FAULTS } from '../../soak/faults.ts';
import { runFault } from '../../soak/runFault.ts';
import { openSite } from '../../soak/site.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());

const POSSIBLE = FAULTS.filter(({ isPossible }) => isPossible?.(site) !== false);

describe('under load', () => {
  test.each(POSSIBLE.map((fault) => [fault.name, fault] as const))(
    '%s: loses nothing, doubles nothing, and recovers',
    async (_, fault) => {
      // Half the load of docs/failures.md, because other tests run at the same time.
      const short = { ...fault, durationMs: fault.durationMs / 2 };
      const result = await runFault(short, site, {
        aroundMs: 500,
        minAcknowledged: 51,
        items: 20_000,
        load: { restMs: 30 },
      });
      const { answers, acknowledged, acknowledgedUnits, ready, live } = result;
      const { lost, doubled, miscounted, withheld, halved, unresolved } = result;
      expect({ lost, doubled, miscounted, withheld, halved, unresolved }).toEqual({
        lost: 0,
        doubled: 0,
        miscounted: 0,
        withheld: 0,
        halved: 0,
        unresolved: 0,
      });
      expect(acknowledgedUnits).toBeGreaterThan(acknowledged);
      expect(acknowledged).toBeGreaterThan(50);
      if (fault.takesDatabaseAway === true) expect([...ready]).toContain('503');
      if (fault.endsAll !== true) expect([...live]).toEqual(['200']);
      // Callers of an instance that is killed get no answer; whatever else happens, there is one. 400 are refusals.
      const told = ['200', '400', '503', ...(fault.endsInstances === true ? ['none'] : [])];
      expect(Object.keys(answers).filter((status) => !told.includes(status))).toEqual([]);
    },
  );
});
