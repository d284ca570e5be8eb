import type { AppId } from '../../src/apps/app.js';
import { LAST_VERSION } from '../../src/deployments/change-queue.js';
import { CatalogError } from '../../src/errors/registry.js';
import type { InstanceId } from '../../src/scheduler/instance.js';
import { keys, StoreError } from '../../src/store/state-store.js';
import { recordOf } from './support/builders.js';
import { World } from './support/world.js';

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'accepted',
    (error: unknown) => error,
  );
}

describe('a change', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(() => world.service.stop());

  it('is durable when it is answered, and in the registry', async () => {
    const { deploymentId } = await world.change({ '/web': { instances: 2 } });
    expect(world.record('/web')?.app.instances).toBe(2);
    expect(world.service.get(deploymentId)).toMatchObject({ plan: { id: deploymentId } });
    expect(world.service.affecting('/web' as AppId)).toEqual([deploymentId]);
    const next = await world.crash();
    expect(next.record('/web')?.app.instances).toBe(2);
    expect(next.service.all().map(({ plan }) => plan.id)).toEqual([deploymentId]);
    await next.calm();
    expect(next.service.all()).toEqual([]);
    await next.service.stop();
  });

  it('that fails in the store leaves no trace, and the next one goes through', async () => {
    await world.change({ '/web': { instances: 1 } });
    await world.calm();
    world.store.failNextFlush('disk-full');
    expect(await refusal(world.change({ '/web': { made: 'v2' } }))).toBeInstanceOf(StoreError);
    expect(world.record('/web')?.launchHash).toBe('hash-v1');
    expect(world.service.all()).toEqual([]);
    expect(world.eventTypes().at(-1)).toBe('group_change_failed');
    await world.clock.advanceAsync(30_000);
    await world.change({ '/web': { made: 'v3' } });
    await world.calm();
    expect(world.instances('/web')).toEqual(['web.2 Running v3']);
  });

  it('that fails in the store lets the deployment it would have cancelled go on', async () => {
    await world.change({ '/web': {} });
    await world.settle();
    world.store.failNextFlush();
    expect(await refusal(world.change({ '/web': { made: 'v2' } }, { force: true }))).toBeInstanceOf(
      StoreError,
    );
    await world.clock.advanceAsync(30_000);
    await world.calm();
    expect(world.instances('/web')).toEqual(['web.1 Running v1']);
    expect(world.eventTypes()).toContain('deployment_success');
    expect(world.eventTypes()).not.toContain('deployment_failed');
  });

  it('whose preparation throws changes nothing', async () => {
    const thrown = new CatalogError('app-exists', { id: '/web' });
    const prepare = () => {
      throw thrown;
    };
    expect(await refusal(world.service.change(prepare, { force: false }))).toBe(thrown);
    expect(world.events).toEqual([]);
  });

  it('of a locked app is refused, naming the deployment that holds the lock', async () => {
    const { deploymentId } = await world.change({ '/web': {} });
    const error = await refusal(world.change({ '/web': { instances: 3 }, '/other': {} }));
    expect(error).toMatchObject({ code: 'app-locked', extra: { deployments: [{ id: deploymentId }] } });
    expect(world.record('/other')).toBeUndefined();
  });

  it('that changes nothing is answered also for a locked app', async () => {
    await world.change({ '/web': {} });
    const accepted = await world.change({ '/web': {} });
    expect(world.service.get(accepted.deploymentId)).toBeUndefined();
    expect(world.service.all()).toHaveLength(1);
  });

  it('beyond the maximum of running deployments is refused, also with force; a rollback is not', async () => {
    const small = await World.start({ maxRunningDeployments: 2 });
    await small.change({ '/a': {} });
    const { deploymentId } = await small.change({ '/b': {} });
    for (const force of [false, true]) {
      expect(await refusal(small.change({ '/c': {} }, { force }))).toMatchObject({
        code: 'too-many-deployments',
        status: 403,
      });
    }
    expect(await small.service.cancel(deploymentId, { force: false })).toBeDefined();
    await small.service.stop();
  });

  it('that applies in place, or takes the place of what runs, is accepted also at the maximum', async () => {
    const small = await World.start({ maxRunningDeployments: 2 });
    await small.change({ '/a': {} });
    await small.calm();
    await small.change({ '/b': {} });
    await small.change({ '/c': {} });
    const accepted = await small.change({ '/a': { min: 0.5 } });
    expect(small.service.get(accepted.deploymentId)).toBeUndefined();
    expect(small.record('/a')?.app.upgradeStrategy.minimumHealthCapacity).toBe(0.5);
    await small.change({ '/b': { instances: 2 } }, { force: true });
    expect(small.service.all()).toHaveLength(2);
    expect(await refusal(small.change({ '/d': {} }))).toMatchObject({ code: 'too-many-deployments' });
    await small.service.stop();
  });

  it('counts those that are accepted together towards the maximum', async () => {
    const small = await World.start({ maxRunningDeployments: 2 });
    const answers = await Promise.all(
      ['/a', '/b', '/c', '/d'].map((id) => refusal(small.change({ [id]: {} }))),
    );
    expect(answers.filter((answer) => answer === 'accepted')).toHaveLength(2);
    await small.service.stop();
  });

  it('is refused when too many are waiting', async () => {
    const small = await World.start({ maxQueuedChanges: 3 });
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) => refusal(small.change({ [`/a${index}`]: {} }))),
    );
    expect(answers.map((answer) => (answer instanceof CatalogError ? answer.code : answer))).toEqual([
      'accepted',
      'accepted',
      'accepted',
      'too-busy',
      'too-busy',
    ]);
    await small.service.stop();
  });

  it('is refused before the start and after the stop', async () => {
    const fresh = new World();
    expect(await refusal(fresh.change({ '/web': {} }))).toMatchObject({ code: 'starting' });
    await world.service.stop();
    expect(await refusal(world.change({ '/web': {} }))).toMatchObject({ code: 'starting' });
  });

  it('shares a store batch with the others that wait', async () => {
    const before = world.store.flushes;
    await Promise.all(Array.from({ length: 50 }, (_, index) => world.change({ [`/a${index}`]: {} })));
    // Progress of the deployments is written as well; the changes themselves took one flush.
    expect(world.store.flushes - before).toBeLessThan(10);
    await world.calm();
    expect(world.registry.size).toBe(50);
  });

  it('of the same app waits its turn and sees the one before', async () => {
    const first = world.change({ '/web': { instances: 0 } });
    const second = world.change({ '/web': { instances: 0, min: 0 } });
    await first;
    expect(await refusal(second)).toMatchObject({ code: 'app-locked' });
    await world.calm();
    const seen: unknown[] = [];
    await Promise.all(
      [1, 2, 3].map((instances) =>
        world.service.change(
          (version) => {
            seen.push(world.registry.prospect.get('/web' as AppId)?.app.instances);
            return [{ appId: '/web' as AppId, after: recordOf('/web', { instances, version }) }];
          },
          { force: true },
        ),
      ),
    );
    expect(world.record('/web')?.app.instances).toBe(3);
    await world.calm();
    expect(world.instances('/web')).toHaveLength(3);
    expect(seen[0]).toBe(0);
  });

  it('is cheap also with a thousand deployments running', async () => {
    const begin = process.cpuUsage();
    for (let index = 0; index < 1_000; index++) await world.change({ [`/app-${index}`]: {} });
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1_000).toBeLessThan(5_000);
    expect(world.service.all()).toHaveLength(1_000);
  });
});

describe('force', () => {
  it('takes over what the cancelled deployment left undone, so that nothing stays mixed', async () => {
    const world = await World.start();
    await world.change({ '/a': { instances: 2 }, '/b': { instances: 2, dependencies: ['/a'] }, '/c': {} });
    await world.calm();
    await world.change({
      '/a': { instances: 2, made: 'v2' },
      '/b': { instances: 2, made: 'v2', dependencies: ['/a'] },
      '/c': undefined,
    });
    await world.settle();
    const { deploymentId } = await world.change({ '/a': { instances: 3, made: 'v2' } }, { force: true });
    expect(world.service.all().map(({ plan }) => plan.id)).toEqual([deploymentId]);
    expect(world.service.affecting('/b' as AppId)).toEqual([deploymentId]);
    await world.calm();
    expect(world.instances('/a').map((line) => line.replace(/^\S+ /, ''))).toEqual(
      Array(3).fill('Running v2'),
    );
    expect(world.instances('/b').map((line) => line.replace(/^\S+ /, ''))).toEqual(
      Array(2).fill('Running v2'),
    );
    expect(world.instances('/c')).toEqual([]);
    expect(world.service.all()).toEqual([]);
    await world.service.stop();
  });

  it('replaces the old record by the new one in one batch', async () => {
    const world = await World.start();
    await world.change({ '/web': {} });
    await world.settle();
    world.store.holdFlushes();
    void world.change({ '/web': { made: 'v2' } }, { force: true });
    await world.settle();
    const kept = await world.crash('kept');
    expect(kept.service.all()).toHaveLength(1);
    expect(kept.record('/web')?.launchHash).toBe('hash-v2');
    expect(kept.service.all()[0]?.plan.transitions['/web' as AppId]?.after?.launchHash).toBe('hash-v2');
    await kept.calm();
    expect(kept.instances('/web')).toEqual(['web.1 Running v2']);
    await kept.service.stop();
  });

  it('is the last word about the cancelled record, also when that deployment goes on meanwhile', async () => {
    const world = await World.start();
    await world.change({ '/web': { dependencies: ['/db'] }, '/db': {} });
    await world.settle();
    world.store.holdFlushes();
    const forced = world.change({ '/db': { instances: 2 } }, { force: true });
    await world.settle();
    // Its step would be done now, and the next one would be written.
    world.scheduler.launch('db.1');
    await world.settle();
    world.store.releaseFlushes();
    const { deploymentId } = await forced;
    await world.settle();
    const stored: string[] = [];
    for await (const { key } of world.store.scan('deployment!')) stored.push(key);
    expect(stored).toEqual([`deployment!${deploymentId}`]);
    await world.service.stop();
  });

  it('starts the new plan only when the cancelled one has nothing under way', async () => {
    const world = await World.start();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((open) => {
      release = open;
    });
    const want = world.scheduler.want.bind(world.scheduler);
    world.scheduler.want = async (appId, goals) => {
      await gate;
      await want(appId, goals);
    };
    await world.change({ '/web': { instances: 2 } });
    await world.settle();
    const { deploymentId } = await world.change({ '/web': { instances: 3 } }, { force: true });
    await world.settle();
    expect(world.service.get(deploymentId)).toMatchObject({ phase: 'scheduled', currentStep: 0 });
    release();
    await world.calm();
    expect(world.instances('/web')).toHaveLength(3);
    expect(world.scheduler.wants.map(({ goals }) => goals.start)).toEqual([2, 1]);
    await world.service.stop();
  });
});

describe('the newest version', () => {
  it('that is stored stays when an older deployment is stopped where it is, also after a restart', async () => {
    let world = await World.start();
    const older = await world.change({ '/a': {} });
    const newer = await world.change({ '/b': {} });
    expect(newer.version > older.version).toBe(true);
    world = await world.crash();
    await world.service.cancel(older.deploymentId, { force: true });
    expect(world.service.get(older.deploymentId)).toBeUndefined();
    expect(await world.store.get(keys.meta(LAST_VERSION))).toBe(newer.version);
    await world.service.stop();
  });
});

describe('a rollback', () => {
  it('restores the very old records and restarts nothing that is healthy', async () => {
    const world = await World.start();
    await world.change({ '/a': { instances: 3 }, '/b': {} });
    await world.calm();
    const before = [world.record('/a'), world.record('/b')];
    const kept = world.instances('/a');
    const { deploymentId } = await world.change({
      '/a': { instances: 3, made: 'bad', checked: true },
      '/new': {},
    });
    await world.calm(() => false);
    const rollback = await world.service.cancel(deploymentId, { force: false });
    expect(world.service.get(rollback?.deploymentId ?? '')?.plan.revertOf).toBe(deploymentId);
    await world.calm();
    expect([world.record('/a'), world.record('/b')]).toEqual(before);
    expect(world.record('/new')).toBeUndefined();
    expect(world.instances('/new')).toEqual([]);
    expect(world.instances('/a')).toEqual(kept);
    expect(world.scheduler.forgotten).toEqual(['/new']);
    await world.service.stop();
  });

  it('of a deletion brings the app back, and of a rollback goes forward again', async () => {
    const world = await World.start();
    await world.change({ '/web': { instances: 2 } });
    await world.calm();
    const deletion = await world.change({ '/web': undefined });
    const back = await world.service.cancel(deletion.deploymentId, { force: false });
    expect(world.record('/web')?.app.instances).toBe(2);
    const forward = await world.service.cancel(back?.deploymentId ?? '', { force: false });
    expect(world.record('/web')).toBeUndefined();
    await world.service.cancel(forward?.deploymentId ?? '', { force: false });
    await world.calm();
    expect(world.instances('/web')).toHaveLength(2);
    expect(world.service.all()).toEqual([]);
    await world.service.stop();
  });

  it('of an unknown deployment is none', async () => {
    const world = await World.start();
    expect(await world.service.cancel('nobody', { force: false })).toBeUndefined();
    expect(await world.service.cancel('nobody', { force: true })).toBeUndefined();
    await world.service.stop();
  });
});

describe('a deployment', () => {
  it('stops the instances that a kill-and-scale named', async () => {
    const world = await World.start();
    await world.change({ '/web': { instances: 3 } });
    await world.calm();
    await world.change(
      { '/web': { instances: 2 } },
      { force: false, victims: { ['/web' as AppId]: ['web.3' as InstanceId] } },
    );
    await world.calm();
    expect(world.instances('/web')).toEqual(['web.1 Running v1', 'web.2 Running v1']);
    await world.service.stop();
  });

  it('begins a layer only when what it depends on is up', async () => {
    const world = await World.start();
    await world.change({ '/web': { dependencies: ['/db'] }, '/db': { checked: true } });
    await world.settle();
    world.scheduler.launch('db.1');
    await world.settle();
    expect(world.instances('/web')).toEqual([]);
    const id = world.service.all()[0]?.plan.id ?? '';
    expect(world.service.waiting(id)).toContainEqual({
      app: '/web',
      reason: 'waits for what it depends on: its turn comes in step 3',
    });
    world.scheduler.healthy('db.1');
    await world.settle();
    expect(world.instances('/web')).toEqual(['web.1 Scheduled v1']);
    await world.service.stop();
  });

  it('goes on with the step it had reached after a crash, with the same id', async () => {
    const world = await World.start();
    const { deploymentId } = await world.change({ '/web': { dependencies: ['/db'] }, '/db': {} });
    await world.settle();
    world.scheduler.launch('db.1');
    await world.settle();
    expect(world.service.get(deploymentId)?.currentStep).toBe(3);
    const next = await world.crash();
    expect(next.service.get(deploymentId)?.currentStep).toBe(3);
    expect(next.eventTypes()).toEqual(['deployment_info']);
    await next.calm();
    expect(next.eventTypes().slice(1)).toEqual(['deployment_step_success', 'deployment_success']);
    await next.service.stop();
  });

  it('tries again after 5 s when the store refuses its next move, and says so', async () => {
    const world = await World.start();
    const want = world.scheduler.want.bind(world.scheduler);
    world.scheduler.want = () => Promise.reject(new StoreError('disk-full', 'no space is left'));
    const { deploymentId } = await world.change({ '/web': {} });
    await world.settle();
    expect(world.service.waiting(deploymentId)[0]?.reason).toBe(
      'could not make its next move durable, tries again: no space is left',
    );
    world.scheduler.want = want;
    await world.clock.advanceAsync(3_900);
    expect(world.instances('/web')).toEqual([]);
    await world.clock.advanceAsync(2_200);
    expect(world.instances('/web')).toEqual(['web.1 Scheduled v1']);
    await world.service.stop();
  });

  it('succeeds only when its record is durably gone', async () => {
    const world = await World.start();
    const { deploymentId } = await world.change({ '/web': {} });
    await world.settle();
    world.scheduler.launch('web.1');
    world.store.setDiskFull(true);
    await world.settle();
    expect(world.eventTypes()).not.toContain('deployment_success');
    expect(world.service.affecting('/web' as AppId)).toEqual([deploymentId]);
    world.store.setDiskFull(false);
    await world.clock.advanceAsync(7_000);
    expect(world.eventTypes().filter((type) => type === 'deployment_success')).toHaveLength(1);
    expect(world.service.affecting('/web' as AppId)).toEqual([]);
    await world.service.stop();
  });

  it('asks for readiness probes while it runs and no longer', async () => {
    const world = await World.start();
    await world.change({ '/web': { readied: true } });
    await world.settle();
    expect([...world.readinessWanted]).toEqual(['/web']);
    await world.calm();
    expect([...world.readinessWanted]).toEqual([]);
    await world.service.stop();
  });

  it('leaves no timer behind when the service stops', async () => {
    const world = await World.start();
    await world.change({ '/web': { deadlineSeconds: 60 }, '/big': { instances: 500 } });
    await world.settle();
    await world.service.stop();
    expect(world.clock.untilNext()).toBeUndefined();
  });

  it('of thousands of instances never goes over all of them, however often they change', async () => {
    const world = await World.start();
    await world.change({ '/big': { instances: 5_000, over: 0 } });
    await world.settle();
    await world.clock.advanceAsync(300);
    let looks = 0;
    const ofApp = world.scheduler.instances.ofApp;
    world.scheduler.instances.ofApp = (appId) => {
      looks += 1;
      return ofApp(appId);
    };
    for (let number = 1; number <= 1_000; number++) {
      world.scheduler.launch(`big.${number}`);
      await Promise.resolve();
    }
    await world.calm();
    expect(world.service.all()).toEqual([]);
    expect(looks).toBe(0);
    await world.service.stop();
  });
});

describe('a rollback into a world that has changed', () => {
  it('of what no longer fits is refused, and the deployment goes on', async () => {
    const world = await World.start();
    await world.change({ '/shop': {} });
    await world.calm();
    const { deploymentId } = await world.change({ '/shop': undefined });
    await world.change({ '/shop/cart': {} });
    const error = await refusal(world.service.cancel(deploymentId, { force: false }));
    expect(error).toMatchObject({ code: 'invalid-object' });
    expect(world.record('/shop')).toBeUndefined();
    expect(world.service.get(deploymentId)).toBeDefined();
    await world.calm();
    expect(world.service.all()).toEqual([]);
    await world.service.stop();
  });

  it('asked for together with a deletion by force does not bring the app back', async () => {
    const world = await World.start();
    await world.change({ '/web': {} });
    await world.calm();
    const { deploymentId } = await world.change({ '/web': { made: 'v2' } });
    const deletion = world.change({ '/web': undefined }, { force: true });
    const rollback = refusal(world.service.cancel(deploymentId, { force: false }));
    await deletion;
    expect(await rollback).toMatchObject({ code: 'deployment-not-found' });
    await world.calm();
    expect(world.record('/web')).toBeUndefined();
    expect(world.instances('/web')).toEqual([]);
    await world.service.stop();
  });
});
