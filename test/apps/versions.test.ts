import type { AppId, AppRecord } from '../../src/apps/app.js';
import { MAX_VERSIONS } from '../../src/apps/decide/app-history.js';
import { AppWorld, refusal } from './support/app-world.js';

const web = {
  id: '/web',
  cmd: './run',
  labels: { a: 'b', HAPROXY_0_VHOST: 'old' },
  healthChecks: [{ path: '/' }],
  constraints: [
    ['rack', 'UNIQUE'],
    ['zone', 'CLUSTER'],
  ],
};
const second = (n: number): string => `2026-01-01T00:00:0${n}.000Z`;

/** What an update of `web` does: versions as seconds, and whether instances must be replaced. */
async function effect(patch: unknown, restartOnAnyChange = false): Promise<unknown> {
  const world = new AppWorld({ restartOnAnyChange });
  const before = await world.post(web);
  const after = (await world.patch('/web', patch)) ?? before;
  const { version, versionInfo } = after.app;
  return {
    version: Number(version.slice(18, 19)),
    scaled: Number(versionInfo.lastScalingAt.slice(18, 19)),
    config: Number(versionInfo.lastConfigChangeAt.slice(18, 19)),
    relaunch: after.launchHash !== before.launchHash,
  };
}

const unchanged = { version: 1, scaled: 1, config: 1, relaunch: false };
const scaled = { version: 2, scaled: 2, config: 1, relaunch: false };
const inPlace = { version: 2, scaled: 1, config: 1, relaunch: false };
const relaunch = { version: 2, scaled: 2, config: 2, relaunch: true };

describe('a change', () => {
  it.each([
    ['of nothing', {}, unchanged],
    ['to the same values', { cmd: './run', instances: 1 }, unchanged],
    [
      'of the order in a set',
      {
        constraints: [
          ['zone', 'CLUSTER'],
          ['rack', 'UNIQUE'],
        ],
      },
      unchanged,
    ],
    ['of instances', { instances: 3 }, scaled],
    ['of a label of the load balancer', { labels: { a: 'b', HAPROXY_0_VHOST: 'new' } }, inPlace],
    ['of instances and such a label', { instances: 3, labels: { a: 'b' } }, scaled],
    ['of another label', { labels: { a: 'c', HAPROXY_0_VHOST: 'old' } }, relaunch],
    [
      'of the upgrade strategy',
      { upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 } },
      inPlace,
    ],
    ['of the kill selection', { killSelection: 'OLDEST_FIRST' }, inPlace],
    ['of the backoff', { backoffSeconds: 9, backoffFactor: 2, maxLaunchDelaySeconds: 9 }, inPlace],
    ['of dependencies', { dependencies: ['/db'] }, inPlace],
    ['of health checks', { healthChecks: [{ path: '/health' }] }, inPlace],
    ['of readiness checks', { readinessChecks: [{ portName: 'default' }] }, inPlace],
    ['of the unreachable strategy', { unreachableStrategy: 'disabled' }, inPlace],
    ['of the drain', { loadBalancer: { drainSeconds: 1 } }, inPlace],
    ['of the command', { cmd: './other' }, relaunch],
    ['of a variable', { env: { A: '1' } }, relaunch],
    ['of cpus', { cpus: 2 }, relaunch],
    ['of memory', { mem: 1 }, relaunch],
    ['of the disk', { disk: 1 }, relaunch],
    ['of the user', { user: 'web' }, relaunch],
    ['of ports', { ports: [0, 0] }, relaunch],
    ['of requirePorts', { requirePorts: true }, relaunch],
    ['of constraints', { constraints: [] }, relaunch],
    ['of the grace', { taskKillGracePeriodSeconds: 9 }, relaunch],
    ['of accepted roles', { acceptedResourceRoles: ['*'] }, relaunch],
    ['of instances and the command', { instances: 3, cmd: './other' }, relaunch],
  ])('%s', async (_what, patch, expected) => {
    expect(await effect(patch)).toEqual(expected);
  });

  it('of any field but instances relaunches when the operator wants it Marathon’s way', async () => {
    expect(await effect({ killSelection: 'OLDEST_FIRST' }, true)).toEqual(relaunch);
    expect(await effect({ labels: { a: 'b' } }, true)).toEqual(relaunch);
    expect(await effect({ instances: 3 }, true)).toEqual(scaled);
    expect(await effect({}, true)).toEqual(unchanged);
  });

  it('of that setting alone relaunches nothing', async () => {
    const world = new AppWorld();
    const before = await world.post(web);
    const other = new AppWorld({ restartOnAnyChange: true, store: world.store });
    await other.registry.load();
    const after = await other.patch('/web', { instances: 2 });
    expect(after?.launchHash).toBe(before.launchHash);
  });
});

describe('a restart', () => {
  it('outdates every instance and keeps the time of the last scaling', async () => {
    const world = new AppWorld();
    const before = await world.post(web);
    await world.accept(world.changes.restartApp('/web' as AppId));
    const after = world.get('/web');
    expect(after.launchHash).not.toBe(before.launchHash);
    expect(after.app.versionInfo).toEqual({ lastScalingAt: second(1), lastConfigChangeAt: second(2) });
    expect((await world.patch('/web', { instances: 5 }))?.launchHash).toBe(after.launchHash);
  });

  it('of an unknown app is 404, as is its deletion and scaling', async () => {
    const world = new AppWorld();
    const id = '/nowhere' as AppId;
    for (const prepare of [
      world.changes.restartApp(id),
      world.changes.deleteApp(id),
      world.changes.scaleDown(id, 1),
    ]) {
      expect((await refusal(() => world.accept(prepare))).code).toBe('app-not-found');
    }
  });
});

describe('scaling down by a kill', () => {
  it('lowers the instances, never below none, and relaunches nothing', async () => {
    const world = new AppWorld();
    const before = await world.post({ ...web, instances: 3 });
    await world.accept(world.changes.scaleDown('/web' as AppId, 2));
    expect(world.get('/web')).toMatchObject({
      launchHash: before.launchHash,
      app: { instances: 1, versionInfo: { lastScalingAt: second(2), lastConfigChangeAt: second(1) } },
    });
    await world.accept(world.changes.scaleDown('/web' as AppId, 2));
    expect(world.get('/web').app.instances).toBe(0);
  });
});

describe('a rollback by version', () => {
  const history = async (): Promise<{ world: AppWorld; first: AppRecord }> => {
    const world = new AppWorld();
    const first = await world.post({ ...web, instances: 2 });
    await world.accept(world.changes.restartApp('/web' as AppId));
    await world.patch('/web', { cmd: './other', instances: 5, killSelection: 'OLDEST_FIRST' });
    return { world, first };
  };

  it('brings the old definition back, and its instances are current again', async () => {
    const { world, first } = await history();
    const after = await world.patch('/web', { version: first.app.version });
    const { version, versionInfo, ...definition } = first.app;
    expect(after?.app).toMatchObject(definition);
    expect(after?.launchHash).toBe(first.launchHash);
    expect(after?.app.version).toBe(second(4));
  });

  it('reads any form of the timestamp, in bulk too', async () => {
    const { world, first } = await history();
    await world.acceptLater(() =>
      world.changes.patchApps([{ id: 'web', version: '2026-01-01T01:00:01+01:00' }]),
    );
    expect(world.get('/web').launchHash).toBe(first.launchHash);
  });

  it.each([
    [
      'a version that is not kept',
      { version: '2020-01-01T00:00:00.000Z' },
      404,
      "App '/web' does not exist in version 2020-01-01T00:00:00.000Z",
    ],
    [
      'no timestamp',
      { version: 'yesterday' },
      422,
      "Invalid timestamp provided 'yesterday'. Expecting ISO-8601 datetime string.",
    ],
    ['a version beside other fields', { version: second(1), instances: 1 }, 422, 'Object is not valid'],
  ])('is refused for %s', async (_what, body, status, message) => {
    const { world } = await history();
    const error = await refusal(() => world.patch('/web', body));
    expect([error.status, error.message]).toEqual([status, message]);
  });

  it('is not meant when the current version comes back with other fields', async () => {
    const { world } = await history();
    const { version } = world.get('/web').app;
    expect((await world.patch('/web', { version, instances: 1 }))?.app.instances).toBe(1);
  });
});

describe('the versions of an app', () => {
  it('are kept newest first, a bounded number of them, in the store too', async () => {
    const world = new AppWorld();
    await world.post(web);
    for (let n = 0; n < MAX_VERSIONS + 5; n++) await world.patch('/web', { instances: n + 2 });
    const versions = world.registry.versions('/web' as AppId) ?? [];
    expect(versions).toHaveLength(MAX_VERSIONS);
    expect(versions[0]).toBe(world.get('/web').app.version);
    expect(versions).toEqual([...versions].sort().reverse());
    const stored = [...world.store.records.keys()].filter((key) => key.startsWith('app-version!'));
    expect(stored.map((key) => key.split('!')[2]).sort()).toEqual([...versions].sort());
  });

  it('go with the app', async () => {
    const world = new AppWorld();
    await world.post(web);
    await world.patch('/web', { instances: 2 });
    await world.accept(world.changes.deleteApp('/web' as AppId));
    expect([...world.store.records.keys()]).toEqual([]);
    expect(world.registry.versions('/web' as AppId)).toBeUndefined();
  });
});
