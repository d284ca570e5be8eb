import type { AppRecord } from '../../src/apps/app.js';
import { AppWorld } from './support/app-world.js';

/** Definitions as they were posted to the first release, and the hashes that it stored for them. */
const firstRelease: readonly (readonly [body: Record<string, unknown>, hash: string])[] = [
  [{ id: '/web', cmd: './run' }, 'aedeb920cde27b9a'],
  [
    {
      id: '/shop/api',
      args: ['node', 'x.js'],
      user: 'nobody',
      env: { A: '1', B: '' },
      cpus: 0.5,
      mem: 64,
      disk: 10,
      constraints: [['rack', 'UNIQUE']],
      acceptedResourceRoles: ['*'],
      portDefinitions: [{ port: 10_500, name: 'http', labels: { VIP_0: 'a' } }],
      requirePorts: true,
      healthChecks: [{ path: '/' }],
      taskKillGracePeriodSeconds: 7,
      labels: { a: 'b', HAPROXY_GROUP: 'x' },
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.2 },
      loadBalancer: { drainSeconds: 3 },
    },
    '92333c2fdd084831',
  ],
  [{ id: '/worker', cmd: 'x', portDefinitions: [], tty: false, executor: '//cmd' }, '1f6a6fadd6118ce7'],
];

describe('an upgrade restarts nothing:', () => {
  it('definitions without new fields have the launch hash that the first release gave them', async () => {
    const world = new AppWorld();
    for (const [body, hash] of firstRelease) expect((await world.post(body)).launchHash).toBe(hash);
  });

  it('a record of the first release loads as it is', async () => {
    const first = new AppWorld();
    const record = await first.post({ id: '/web', cmd: './run' });
    const { fetch, container, secrets, check, tty } = record.app;
    expect([fetch, container, secrets, check, tty]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    const second = new AppWorld({ store: first.store });
    await second.registry.load();
    expect(second.get('/web')).toEqual(record);
    expect(await second.put('/web', { id: '/web', cmd: './run' }, false)).toBe(second.get('/web'));
  });

  it.each([
    ['tty false', { tty: false }],
    ['the command executor by name', { executor: '//cmd' }],
    ['a container that is nothing but a process', { container: { type: 'MESOS' } }],
  ])('%s, written down, keeps the instances', async (_what, fields) => {
    const world = new AppWorld();
    const before = await world.post({ id: '/web', cmd: './run' });
    const after = (await world.patch('/web', fields)) as AppRecord;
    expect(after.launchHash).toBe(before.launchHash);
    expect(after.app.versionInfo.lastConfigChangeAt).toBe(before.app.versionInfo.lastConfigChangeAt);
    expect(after.app).toMatchObject(fields);
  });

  it('a resource limit does restart', async () => {
    const world = new AppWorld();
    const before = await world.post({ id: '/web', cmd: './run' });
    const after = await world.patch('/web', { resourceLimits: { mem: 'unlimited' } });
    expect(after?.launchHash).not.toBe(before.launchHash);
    const kept = await world.patch('/web', { instances: 2 });
    expect(kept?.app.resourceLimits).toEqual({ mem: 'unlimited' });
  });
});
