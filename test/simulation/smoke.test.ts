import { expect, it } from '@jest/globals';
import { startWorld, update, verdict, web } from './support.js';

it('smoke', async () => {
  const world = await startWorld(1);
  const client = world.client();
  const t0 = Date.now();
  void client.ask(web('/web', { instances: 4, cmd: 'v1' }));
  await world.runUntilQuiet();
  const before = world.flushes;
  void client.ask(update('/web', { instances: 4, cmd: 'v2' }));
  const found = await verdict(world, { strict: true });
  console.log(world.flushes - before, world.clock.monotonicMs(), Date.now() - t0, world.facts.length);
  if (process.env['SHOW']) console.log(world.timeline());
  expect(found).toEqual([]);
  world.end();
});
