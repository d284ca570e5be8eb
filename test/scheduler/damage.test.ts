import type { AppId } from '../../src/apps/app.js';
import { completeSettings } from '../../src/scheduler/scheduler-settings.js';
import { World } from './support/world.js';

const web = '/web' as AppId;
const { orphanSweepMs } = completeSettings({
  agentReregisterTimeoutSeconds: 60,
  frameworkName: '',
  hostname: '',
});

async function running(count: number): Promise<World> {
  const world = await new World().start();
  world.master.addAgent('a1', { cpus: 100, mem: 100_000 });
  world.app('/web');
  await world.run('/web', count);
  return world;
}

async function restarted(world: World, corrupt: readonly string[] = []): Promise<void> {
  await world.crash(corrupt);
  await world.scheduler.start();
  await world.settle();
}

describe('after damage to the store', () => {
  it('one instance that cannot be read is lost, its task is ended, and all others are as they were', async () => {
    const world = await running(3);
    const [lost, ...others] = world.of('/web');
    await restarted(world, [`instance!${lost?.id}`]);
    expect(world.of('/web').map(({ id }) => id)).toEqual(others.map(({ id }) => id).sort());
    await world.tick(1_000);
    const kills = world.master.calls.flatMap((call) =>
      call.type === 'KILL' ? [call.kill.task_id.value] : [],
    );
    expect(kills).toEqual([lost?.task?.id]);
    expect(world.conditions('/web')).toEqual(['Running', 'Running']);
  });

  it('the task of an instance that cannot be read is drained before it is killed, once', async () => {
    const world = await running(2);
    const [lost] = world.of('/web');
    world.drainer.automatic = false;
    await restarted(world, [`instance!${lost?.id}`]);
    await world.tick(1_000);
    expect(world.drainer.drains.map(({ instance }) => [instance.appId, instance.task?.id])).toEqual([
      [web, lost?.task?.id],
    ]);
    world.master.update(lost?.task?.id ?? '', 'TASK_RUNNING');
    await world.tick(1_000);
    expect(world.drainer.drains).toHaveLength(1);
    expect(world.callTypes()).not.toContain('KILL');
    world.drainer.drains[0]?.end();
    await world.tick(1_000);
    expect(world.callTypes().filter((type) => type === 'KILL')).toHaveLength(1);
    expect(world.master.liveTasks()).toHaveLength(1);
  });

  it('the framework keeps its id, so that what runs is not taken for lost', async () => {
    const world = await running(2);
    await restarted(world, ['framework!id']);
    const subscribe = world.master.calls.filter((call) => call.type === 'SUBSCRIBE').at(-1);
    expect(subscribe).toMatchObject({ framework_id: { value: 'fw-0000' } });
    await world.tick(120_000);
    expect(world.conditions('/web')).toEqual(['Running', 'Running']);
    expect(world.master.launched.size).toBe(2);
  });

  it('it does not start when no copy of the framework id can be read: everything would run twice', async () => {
    const world = await running(1);
    await world.crash(['framework!id', 'framework!id-copy']);
    await expect(world.scheduler.start()).rejects.toMatchObject({ code: 'corrupt-record' });
  });

  it('instances of an app that cannot be read run on, also while their agent is away', async () => {
    const world = await running(2);
    const before = world.of('/web').map(({ id }) => id);
    world.apps.delete(web);
    world.setAside.add(web);
    await restarted(world);
    await world.tick(10 * orphanSweepMs);
    world.master.lose('a1');
    await world.tick(600_000);
    world.master.register('a1');
    await world.tick(10 * orphanSweepMs);
    expect(world.of('/web').map(({ id }) => id)).toEqual(before);
    expect(world.conditions('/web')).toEqual(['Running', 'Running']);
    expect(world.callTypes()).not.toContain('KILL');
  });
});

describe('instances of an app that is gone', () => {
  it('are taken out soon, whoever forgot them', async () => {
    const world = await running(2);
    world.apps.delete(web);
    await world.tick(orphanSweepMs + 1_000);
    expect(world.of('/web')).toEqual([]);
    expect(world.stored().size).toBe(0);
  });
});
