import type { TaskId } from '../../src/scheduler/instance.js';
import type { World } from '../../src/simulation/world.js';
import { namedPort, readinessChecks, startWorld, update, verdict, web } from './support.js';

const wanted = { instances: 2, cmd: 'v1' };

function servers({ server }: World): readonly TaskId[] {
  const services = Object.values(server?.proxyControl.table().services ?? {});
  return services.flatMap((service) => service.servers.map(({ taskId }) => taskId));
}

/** A web app at rest, both of its instances in the load balancer's table. */
async function peace(seed: number, more: Readonly<Record<string, unknown>>): Promise<World> {
  const world = await startWorld(seed);
  const client = world.client();
  world.perform(() => client.ask(web('/web', wanted, { ...namedPort, ...more })));
  await world.runUntilQuiet();
  expect(servers(world)).toHaveLength(2);
  return world;
}

describe('the load balancer', () => {
  it('serves a task of an app with a readiness check that was launched again while no deployment ran', async () => {
    const world = await peace(31, { readinessChecks });
    const [dead] = servers(world);
    const seat = world.agents.find(({ agent }) => agent.liveTaskIds().some((id) => id === dead));
    seat?.agent.endTask(dead ?? '', 'TASK_FAILED');
    await world.pass(60_000);
    expect(servers(world)).toHaveLength(2);
    expect(servers(world)).not.toContain(dead);
    expect(await verdict(world, { strict: false })).toEqual([]);
    world.end();
  });

  it.each([{}, { healthChecks: [] }])(
    'serves everybody on while a readiness check is added to an app that runs, %j',
    async (more) => {
      const world = await peace(32, more);
      const before = servers(world);
      const client = world.client();
      world.perform(() => client.ask(update('/web', wanted, { body: { readinessChecks } })));
      let fewest = 2;
      for (let step = 0; step < 400; step++) {
        await world.pass(5);
        fewest = Math.min(fewest, servers(world).length);
      }
      expect(world.server?.registry.get('/web' as never)?.app.readinessChecks).toHaveLength(1);
      await world.runUntilQuiet();
      expect({ fewest, servers: servers(world) }).toEqual({ fewest: 2, servers: before });
      world.end();
    },
  );

  it.each([
    ['a readiness check is added', {}, { readinessChecks }],
    ['health checks are added', { healthChecks: [] }, {}],
  ])('serves those of the old definition on while %s with a new command', async (_what, more, change) => {
    const world = await peace(33, more);
    const client = world.client();
    const healthChecks = web('/web', wanted, change).body['healthChecks'];
    const next = { instances: 2, cmd: 'v2' };
    world.perform(() => client.ask(update('/web', next, { body: { ...next, healthChecks, ...change } })));
    let fewest = 2;
    for (let step = 0; step < 400; step++) {
      await world.pass(5);
      fewest = Math.min(fewest, servers(world).length);
    }
    expect(fewest).toBe(2);
    expect(await verdict(world, { strict: true })).toEqual([]);
    world.end();
  });
});
