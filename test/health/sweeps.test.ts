import { SWEEP_SLICE, Sweeps } from '../../src/health/sweeps.js';
import type { Instance, InstanceId } from '../../src/scheduler/instance.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { aCheck, anInstance, aReadinessCheck, aRecord, HealthWorld, key } from './builders.js';

describe('a sweep', () => {
  it('looks at a slice a turn, the first at once, and at each once', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const sweeps = new Sweeps<string, number>(clock, (item) => seen.push(item));
    const items = Array.from({ length: 2 * SWEEP_SLICE + 1 }, (_, index) => index);
    sweeps.begin('a', items);
    expect(seen).toHaveLength(SWEEP_SLICE);
    await clock.advanceAsync(0);
    expect(seen).toEqual(items);
  });

  it('ends when another of the same key begins, and when all is stopped', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const sweeps = new Sweeps<string, string>(clock, (item) => seen.push(item));
    const many = (name: string): string[] => Array.from({ length: 2 * SWEEP_SLICE }, () => name);
    sweeps.begin('a', many('old'));
    sweeps.begin('a', many('new'));
    await clock.advanceAsync(0);
    expect(seen.filter((name) => name === 'old')).toHaveLength(SWEEP_SLICE);
    expect(seen.filter((name) => name === 'new')).toHaveLength(2 * SWEEP_SLICE);
    sweeps.begin('a', many('stopped'));
    sweeps.stop();
    await clock.advanceAsync(0);
    expect(seen.filter((name) => name === 'stopped')).toHaveLength(SWEEP_SLICE);
  });
});

describe('a change of an app with many running tasks', () => {
  async function many(count: number, record = aRecord({ healthChecks: [aCheck()] })): Promise<HealthWorld> {
    const world = new HealthWorld();
    world.setApp(record);
    await world.service.start();
    for (let number = 1; number <= count; number++) world.run(number);
    world.facts.length = 0;
    return world;
  }

  it('that means nothing for probing is not noticed by any of them', async () => {
    const world = await many(300);
    const { added } = world.prober;
    world.setApp(aRecord({ instances: 9, healthChecks: [aCheck()], labels: { owner: 'team' } }));
    await world.clock.advanceAsync(0);
    expect(world.facts).toEqual([]);
    expect(world.prober.added).toBe(added);
  });

  it('that means something reaches all of them, a slice a turn, and those that come meanwhile at once', async () => {
    const count = 2 * SWEEP_SLICE;
    const world = await many(count);
    world.setApp(aRecord({ healthChecks: [aCheck({ path: '/new' })] }));
    const changed = (): number =>
      [...world.prober.targets.values()].filter(({ path }) => path === '/new').length;
    expect(changed()).toBe(SWEEP_SLICE);
    world.run(count + 1);
    expect(changed()).toBe(SWEEP_SLICE + 1);
    await world.clock.advanceAsync(0);
    expect(changed()).toBe(count + 1);
    expect(world.prober.targets.size).toBe(count + 1);
  });

  it('a readiness check is probed on all of them, and its results vanish at once when they are wanted no more', async () => {
    const count = SWEEP_SLICE + 10;
    const world = await many(
      count,
      aRecord({ readinessChecks: [aReadinessCheck()] }, { explicitPorts: false }),
    );
    world.service.setReadinessWanted(anInstance(1, 0).appId, true);
    await world.clock.advanceAsync(0);
    expect(world.prober.targets.size).toBe(count);
    world.prober.tell(key(count, 'ready'), false);
    expect(world.service.readiness(anInstance(1, 0).appId)).toHaveLength(1);
    world.service.setReadinessWanted(anInstance(1, 0).appId, false);
    expect(world.service.readiness(anInstance(1, 0).appId)).toEqual([]);
    await world.clock.advanceAsync(0);
    expect(world.prober.targets.size).toBe(count);
    world.service.setReadinessWanted(anInstance(1, 0).appId, true);
    expect(world.service.readiness(anInstance(1, 0).appId)).toEqual([]);
  });

  it('an old definition is read from the store once for all tasks that run it', async () => {
    const world = new HealthWorld();
    const old = aRecord({ healthChecks: [aCheck()] }, { launchHash: 'hash-0' });
    const version = old.app.version;
    world.setApp(aRecord({ healthChecks: [aCheck({ path: '/2' })] }));
    world.versions.set(`/web@${version}`, old);
    await world.service.start();
    let asked = 0;
    const { get } = world.versions;
    world.versions.get = (name) => {
      asked += 1;
      return get.call(world.versions, name);
    };
    const run = (number: number): Instance =>
      anInstance(number, world.clock.wallMs(), { launchHash: 'hash-0' });
    for (let number = 1; number <= 50; number++) world.change(run(number));
    await world.clock.advanceAsync(0);
    expect(asked).toBe(1);
    expect(world.prober.targets.size).toBe(50);
    world.forget('web.instance-1' as InstanceId);
    expect(world.prober.targets.size).toBe(49);
  });
});
