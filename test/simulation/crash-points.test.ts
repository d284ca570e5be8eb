import { judge } from '../../src/simulation/checkers.js';
import { scenarios } from './scenarios.js';
import { outcome, play, undisturbed } from './support.js';

const SEED = 11;
let tried = 0;

afterAll(() => {
  // The figure that says how much was tried.
  console.log(`crash points tried: ${tried}`);
});

describe.each(scenarios)('$name', (scenario) => {
  it.each(['lost', 'kept'] as const)(
    'ends the same when the server dies at any durable step, that step %s',
    async (inFlight) => {
      const expected = await undisturbed(scenario, SEED);
      expect(expected.found).toEqual([]);
      expect(expected.flushes).toBeGreaterThan(3);
      for (let flush = 1; flush <= expected.flushes; flush++) {
        const world = await play(scenario, SEED, (planned) => planned.crashAtFlush(flush, inFlight));
        await world.runUntilQuiet();
        const state = await world.finalState();
        expect({ flush, found: judge(world.facts, state, { strict: true }), end: outcome(state) }).toEqual({
          flush,
          found: [],
          end: expected.end,
        });
        world.end();
        tried += 1;
      }
    },
  );

  it.each([1, 2, 3])(
    'ends the same when the server dies at any durable step and %i steps later once more',
    async (later) => {
      const expected = await undisturbed(scenario, SEED);
      for (let flush = 1; flush <= expected.flushes; flush += 2) {
        const world = await play(scenario, SEED, (planned) => {
          planned.crashAtFlush(flush, 'lost');
          planned.crashAtFlush(flush + later, later === 2 ? 'lost' : 'kept');
        });
        await world.runUntilQuiet();
        const state = await world.finalState();
        expect({ flush, found: judge(world.facts, state, { strict: true }), end: outcome(state) }).toEqual({
          flush,
          found: [],
          end: expected.end,
        });
        world.end();
        tried += 2;
      }
    },
  );
});
