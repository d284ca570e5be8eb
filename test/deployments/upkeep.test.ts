import type { AppId } from '../../src/apps/app.js';
import { MAX_WISH } from '../../src/deployments/decide/step-decision.js';
import { RESYNC_MS } from '../../src/deployments/deployment-service.js';
import { World } from './support/world.js';

const web = '/web' as AppId;

async function running(instances: number): Promise<World> {
  const world = await World.start();
  await world.change({ '/web': { instances } });
  await world.calm();
  return world;
}

describe('a move of thousands', () => {
  it('is made in wishes of a bounded size, each durable before the next, and is finished all the same', async () => {
    const world = await World.start();
    await world.change({ '/web': { instances: 2 * MAX_WISH + 150 } });
    await world.calm();
    expect(world.scheduler.wants.map(({ goals }) => goals.start)).toEqual([MAX_WISH, MAX_WISH, 150]);
    await world.change({ '/web': { instances: 100 } });
    await world.calm();
    expect(world.scheduler.wants.slice(3).map(({ goals }) => goals.stop.length)).toEqual([
      MAX_WISH,
      MAX_WISH,
      50,
    ]);
    expect(world.instances('/web')).toHaveLength(100);
    expect(world.service.all()).toEqual([]);
    await world.service.stop();
  });
});

describe('where no deployment is at work', () => {
  it('instances whose records were lost are started again', async () => {
    const before = await running(3);
    before.disk.records.delete('instance!web.2');
    const world = await before.crash();
    expect(world.instances('/web')).toHaveLength(2);
    await world.clock.advanceAsync(RESYNC_MS);
    await world.calm();
    expect(world.instances('/web')).toEqual(['web.1 Running v1', 'web.3 Running v1', 'web.4 Running v1']);
    await world.service.stop();
  });

  it('instances that a stopped deployment left over are taken out', async () => {
    const world = await running(1);
    await world.change({ '/web': { made: 'v2' } });
    await world.settle();
    world.scheduler.launch('web.2');
    const [deployment] = world.service.all();
    await world.service.cancel(deployment?.plan.id ?? '', { force: true });
    await world.settle();
    await world.clock.advanceAsync(RESYNC_MS);
    await world.calm();
    expect(world.instances('/web')).toHaveLength(1);
    await world.service.stop();
  });

  it('a deployment begins after a wish that is under way, so that nothing is started twice', async () => {
    const before = await running(2);
    before.disk.records.delete('instance!web.1');
    const world = await before.crash();
    let goOn = (): void => undefined;
    const slow = new Promise<void>((go) => {
      goOn = go;
    });
    const want = world.scheduler.want.bind(world.scheduler);
    world.scheduler.want = (appId, goals) => slow.then(() => want(appId, goals));
    await world.clock.advanceAsync(RESYNC_MS);
    await world.change({ '/web': { instances: 3 } });
    await world.settle();
    goOn();
    await world.calm();
    expect(world.scheduler.wants.map(({ goals }) => goals.start)).toEqual([1, 1]);
    expect(world.instances('/web')).toHaveLength(3);
    await world.service.stop();
  });

  it('a stored deployment that cannot be read is left aside: the others go on, its apps can be changed', async () => {
    const before = await World.start();
    const broken = await before.change({ '/broken': { instances: 1 } });
    await before.change({ '/web': { instances: 1 } });
    await before.settle();
    const key = `deployment!${broken.deploymentId}`;
    const bytes = before.disk.records.get(key);
    if (!bytes) throw new Error('the deployment is not stored');
    bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
    const world = await before.crash();
    expect(world.service.affecting(web)).toHaveLength(1);
    expect(world.service.affecting('/broken' as AppId)).toEqual([]);
    expect(world.disk.records.has(key)).toBe(true);
    await world.change({ '/broken': { instances: 2 } });
    await world.calm();
    expect([world.instances('/web').length, world.instances('/broken').length]).toEqual([1, 2]);
    await world.service.stop();
  });

  it('asking again for what is wanted already brings an app right that was left mixed', async () => {
    const world = await running(2);
    await world.change({ '/web': { instances: 2, made: 'v2' } });
    await world.settle();
    world.scheduler.launch('web.3');
    await world.settle();
    const [deployment] = world.service.all();
    await world.service.cancel(deployment?.plan.id ?? '', { force: true });
    await world.calm();
    expect(world.instances('/web')).toContain('web.2 Running v1');
    await world.change({ '/web': { instances: 2, made: 'v2' } });
    await world.calm();
    expect(world.instances('/web').map((line) => line.split(' ').at(-1))).toEqual(['v2', 'v2']);
    await world.service.stop();
  });
});
