import { planFaults, scheduleFaults } from '../../src/simulation/fault-plan.js';
import type { World } from '../../src/simulation/world.js';
import { SeededDice } from '../../src/util/ids.js';
import { meddler, restlessOwner } from './random-users.js';
import { startWorld, update, verdict, web } from './support.js';

/** `SEEDS=500` for a long run, `SEED=17` to look at one. */
const count = Number(process.env['SEEDS'] ?? 25);
const asked = process.env['SEED'];
const first = Number(asked || 1);
const seeds = !asked ? Array.from({ length: count }, (_, index) => first + index) : [first];
const LONG_MS = 30_000 + count * 2_000;

/** Owners, a meddler and random faults for about a minute; then the faults stop. */
async function turmoil(seed: number): Promise<World> {
  const world = await startWorld(seed);
  const dice = new SeededDice(seed * 7_919);
  for (const id of ['/web', '/team/api'])
    world.perform(() => restlessOwner(world, world.client(), dice, id, 6));
  world.perform(async () => {
    const client = world.client();
    await client.ask(web('/shared', { instances: 3, cmd: 's1' }));
    world.perform(() => meddler(world, world.client(), dice, '/shared', 4));
    for (let step = 2; step <= 4; step++) {
      await world.after(dice.random() * 10_000);
      await client.ask(update('/shared', { instances: 2 + step, cmd: `s${step}` }, { force: step === 3 }));
    }
  });
  scheduleFaults(world, planFaults(dice, { agents: 3, proxies: 2, faults: 8, withinMs: 60_000 }));
  return world;
}

describe('random faults', () => {
  it(
    `lose nothing, double nothing, and end in what was wanted, for ${seeds.length} seeds`,
    async () => {
      for (const seed of seeds) {
        const world = await turmoil(seed);
        const found = await verdict(world, { strict: false }).catch((error: unknown) => [String(error)]);
        if (process.env['SHOW']) process.stdout.write(`${world.timeline()}\n`);
        expect({ seed, found }).toEqual({ seed, found: [] });
        world.end();
      }
    },
    LONG_MS,
  );

  it('make the same world from the same seed, and another from another', async () => {
    const timelines: string[] = [];
    for (const seed of [7, 7, 8]) {
      const world = await turmoil(seed);
      await world.runUntilQuiet();
      timelines.push(world.timeline());
      world.end();
    }
    expect(timelines[1]).toBe(timelines[0]);
    expect(timelines[2]).not.toBe(timelines[0]);
  });
});
