import { FAULTS } from '../soak/faults.ts';
import { runFault } from '../soak/runFault.ts';
import { openSite } from '../soak/site.ts';

const site = await openSite({ max_connections: '40' });
afterAll(() => site[Symbol.asyncDispose]());

describe('in the middle of a load', () => {
  test.each(FAULTS.map((fault) => [fault.name, fault] as const))(
    '%s: nothing is lost, nothing is doubled, and it goes on afterwards',
    async (_, fault) => {
      const { answers, acknowledged, lost, doubled, unresolved } = await runFault(fault, site, {
        aroundMs: 500,
        items: 20_000,
      });
      expect({ lost, doubled, unresolved }).toEqual({ lost: 0, doubled: 0, unresolved: 0 });
      expect(acknowledged).toBeGreaterThan(50);
      // Callers of an instance that is killed get no answer; whatever befalls the database, there is one.
      const told =
        fault.name.includes('killed') && fault.name.includes('instance') ? ['200', '503', 'none'] : ['200', '503'];
      expect(Object.keys(answers).filter((status) => !told.includes(status))).toEqual([]);
    },
    60_000,
  );
});
