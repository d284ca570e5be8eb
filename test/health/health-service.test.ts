import type { Instance, InstanceId } from '../../src/scheduler/instance.js';
import { type Timestamp, timestamp } from '../../src/util/timestamp.js';
import { aCheck, anInstance, aReadinessCheck, aRecord, HealthWorld, key } from './builders.js';

const turn = (): Promise<void> => new Promise((next) => setImmediate(next));

async function world(record = aRecord({ healthChecks: [aCheck()] })): Promise<HealthWorld> {
  const made = new HealthWorld();
  made.setApp(record);
  made.events.length = 0;
  await made.service.start();
  return made;
}

const id = (n: number) => `web.instance-${n}` as InstanceId;

describe('the health service', () => {
  it('probes a task from the moment it runs until it does not', async () => {
    const w = await world();
    w.change(anInstance(1, w.clock.wallMs(), { condition: 'Staging' }));
    expect([...w.prober.targets.keys()]).toEqual([]);
    const running = w.run(1);
    expect([...w.prober.targets.keys()]).toEqual([key(1, 'health-0')]);
    w.change({ ...running, condition: 'Unreachable' });
    expect(w.prober.targets.size).toBe(0);
    w.change(running);
    w.forget(id(1));
    expect(w.prober.targets.size).toBe(0);
  });

  it('a new incarnation starts with nothing known and its own probes', async () => {
    const w = await world();
    const first = w.run(1);
    w.prober.tell(key(1, 'health-0'), true);
    expect(w.healthOf(1)?.healthy).toBe(true);
    const task = {
      ...(first.task as NonNullable<Instance['task']>),
      id: 'web.instance-1._app.2',
    } as NonNullable<Instance['task']>;
    w.change({ ...first, incarnation: 2, task });
    expect([...w.prober.targets.values()]).toEqual([
      expect.objectContaining({ key: 'web.instance-1._app.2#health-0', eager: true }),
    ]);
    w.facts.length = 0;
    w.prober.tell(key(1, 'health-0'), true);
    expect(w.facts).toEqual([]);
  });

  it('tells a flip at once with its events, a repetition only now and then', async () => {
    const w = await world();
    w.run(1);
    w.prober.tell(key(1, 'health-0'), true);
    expect(w.facts).toEqual([expect.objectContaining({ kind: 'health', instanceId: id(1), flip: true })]);
    expect(w.events).toEqual([
      {
        eventType: 'health_status_changed_event',
        appId: '/web',
        instanceId: id(1),
        version: '2026-01-01T00:00:00.000Z',
        alive: true,
      },
      {
        eventType: 'instance_health_changed_event',
        instanceId: id(1),
        runSpecId: '/web',
        healthy: true,
        runSpecVersion: '2026-01-01T00:00:00.000Z',
      },
    ]);
    for (let n = 0; n < 10; n++) {
      w.clock.advance(1_000);
      w.prober.tell(key(1, 'health-0'), true);
    }
    expect(w.facts).toHaveLength(1);
    w.clock.advance(10_000);
    w.prober.tell(key(1, 'health-0'), true);
    expect(w.facts[1]).toMatchObject({ flip: false });
    expect(w.healthOf(1)?.results[0]?.lastSuccess).toBe(timestamp(w.clock.wallMs()));
    expect(w.events).toHaveLength(2);
  });

  it('counts failures, tells each, and gives the task up at the last one that is allowed', async () => {
    const w = await world();
    w.run(1);
    w.prober.tell(key(1, 'health-0'), true);
    w.events.length = 0;
    w.facts.length = 0;
    const failed = {
      eventType: 'failed_health_check_event',
      appId: '/web',
      taskId: id(1),
      instanceId: id(1),
      healthCheck: aCheck(),
    };
    for (let n = 1; n <= 3; n++) {
      w.clock.advance(60_000);
      w.prober.tell(key(1, 'health-0'), false, { cause: 'status 503' });
    }
    expect(w.eventTypes()).toEqual([
      'failed_health_check_event',
      'health_status_changed_event',
      'instance_health_changed_event',
      'failed_health_check_event',
      'failed_health_check_event',
      'unhealthy_instance_kill_event',
    ]);
    expect(w.events[0]).toEqual(failed);
    expect(w.events[5]).toEqual({
      eventType: 'unhealthy_instance_kill_event',
      appId: '/web',
      taskId: `${id(1)}._app.1`,
      instanceId: id(1),
      version: '2026-01-01T00:00:00.000Z',
      reason: 'status 503',
      host: 'host-1',
      slaveId: 'agent-1',
    });
    expect(w.facts.map((fact) => (fact.kind === 'health' ? fact.flip : fact))).toEqual([
      true,
      false,
      false,
      { kind: 'give-up', instanceId: id(1), taskId: `${id(1)}._app.1`, reason: 'status 503' },
    ]);
    w.clock.advance(60_000);
    w.prober.tell(key(1, 'health-0'), false);
    expect(w.giveUps).toHaveLength(2);
    expect(w.eventTypes().filter((type) => type === 'unhealthy_instance_kill_event')).toHaveLength(1);
  });

  it('does not give up whoever is on the way out already', async () => {
    const w = await world(aRecord({ healthChecks: [aCheck({ maxConsecutiveFailures: 1 })] }));
    const running = w.run(1);
    w.prober.tell(key(1, 'health-0'), true);
    const takingOut = { reason: 'scale down', since: running.since, phase: 'draining' } as const;
    w.change({ ...(w.instances.get(id(1)) as Instance), takingOut });
    w.clock.advance(60_000);
    w.prober.tell(key(1, 'health-0'), false);
    expect(w.healthOf(1)?.healthy).toBe(false);
    expect(w.giveUps).toEqual([]);
    w.change({ ...(w.instances.get(id(1)) as Instance), takingOut: { ...takingOut, phase: 'killing' } });
    expect(w.prober.targets.size).toBe(0);
  });

  it('after a restart a restored healthy instance stays healthy until it newly fails', async () => {
    const before = await world();
    const since = before.clock.wallMs();
    before.run(1);
    before.prober.tell(key(1, 'health-0'), true);
    before.clock.advance(60_000);
    before.prober.tell(key(1, 'health-0'), false);
    before.clock.advance(60_000);
    before.prober.tell(key(1, 'health-0'), true);
    const stored = before.instances.get(id(1)) as Instance;

    const w = new HealthWorld();
    w.clock.advance(120_000);
    w.setApp(aRecord({ healthChecks: [aCheck()] }));
    w.instances.set(id(1), { ...stored, since: timestamp(since) });
    w.events.length = 0;
    await w.service.start();
    expect(w.healthOf(1)).toMatchObject({ healthy: true });
    expect(w.facts).toEqual([]);
    expect(w.events).toEqual([]);
    expect([...w.prober.targets.values()]).toEqual([expect.objectContaining({ eager: false })]);
    w.prober.tell(key(1, 'health-0'), false);
    expect(w.healthOf(1)).toMatchObject({ healthy: false, results: [{ consecutiveFailures: 1 }] });
  });

  it('health stored about an earlier task counts for nothing', async () => {
    const w = new HealthWorld();
    w.setApp(aRecord({ healthChecks: [aCheck()] }));
    const stale = {
      taskId: 'web.instance-1._app.0' as NonNullable<Instance['task']>['id'],
      healthy: true,
      results: [{ alive: true, consecutiveFailures: 0 }],
    };
    w.instances.set(id(1), anInstance(1, w.clock.wallMs(), { health: stale }));
    await w.service.start();
    w.prober.tell(key(1, 'health-0'), false);
    expect([...w.prober.targets.values()][0]?.eager).toBe(true);
    expect(w.facts).toEqual([]);
  });

  it('the first connect to an app without checks opens it once and for all', async () => {
    const w = await world(aRecord());
    w.run(1);
    w.prober.tell(key(1, 'port'), false);
    expect(w.facts).toEqual([]);
    w.prober.tell(key(1, 'port'), true);
    expect(w.facts).toEqual([
      expect.objectContaining({ flip: true, health: expect.objectContaining({ portOpen: true }) }),
    ]);
    expect(w.prober.targets.size).toBe(0);
  });

  it('asks the readiness check until a task once was ready, and shows the answers only while a deployment wants to know', async () => {
    const check = aReadinessCheck({ preserveLastResponse: true });
    const w = await world(
      aRecord({
        portDefinitions: [{ port: 1, protocol: 'tcp', name: 'http-api' }],
        readinessChecks: [check],
        healthChecks: [aCheck()],
      }),
    );
    w.run(1);
    expect(w.prober.targets.has(key(1, 'ready'))).toBe(true);
    const changed: string[] = [];
    w.service.onReadinessChange((appId) => changed.push(appId));
    w.prober.tell(key(1, 'ready'), false);
    expect([changed, w.service.readiness('/web' as Instance['appId'])]).toEqual([[], []]);
    w.service.setReadinessWanted('/web' as Instance['appId'], true);
    expect(w.service.readiness('/web' as Instance['appId'])).toEqual([]);
    w.run(2);
    expect([w.prober.targets.has(key(1, 'ready')), w.prober.targets.has(key(2, 'ready'))]).toEqual([
      true,
      true,
    ]);
    w.prober.tell(key(1, 'ready'), false, { cause: 'connection refused' });
    w.prober.tell(key(2, 'ready'), true, {
      response: { status: 200, contentType: 'text/html', body: 'yes' },
    });
    expect(w.service.readiness('/web' as Instance['appId'])).toEqual([
      {
        name: 'readinessCheck',
        taskId: `${id(1)}._app.1`,
        ready: false,
        lastResponse: {
          status: 504,
          contentType: 'text/plain',
          body: 'Marathon could not query http://host-1:31001/ready: connection refused',
        },
      },
      {
        name: 'readinessCheck',
        taskId: `${id(2)}._app.1`,
        ready: true,
        lastResponse: { status: 200, contentType: 'text/html', body: 'yes' },
      },
    ]);
    expect([w.healthOf(1)?.ready, w.healthOf(2)?.ready]).toEqual([undefined, true]);
    w.service.setReadinessWanted('/web' as Instance['appId'], false);
    expect(w.service.readiness('/web' as Instance['appId'])).toEqual([]);
    expect(changed).toEqual(['/web', '/web']);
    expect([...w.prober.targets.keys()].filter((name) => name.endsWith('#ready'))).toEqual([key(1, 'ready')]);
    w.prober.tell(key(1, 'ready'), true);
    expect([w.healthOf(1)?.ready, changed.length]).toEqual([true, 2]);
    expect([...w.prober.targets.keys()].filter((name) => name.endsWith('#ready'))).toEqual([]);
    w.service.setReadinessWanted('/web' as Instance['appId'], true);
    expect(w.service.readiness('/web' as Instance['appId'])).toEqual([]);
  });

  it('a readiness check that is added in place takes nobody who serves out, and is asked of the others', async () => {
    const ports = { portDefinitions: [{ port: 1, protocol: 'tcp', name: 'http-api' }] } as const;
    const w = await world(aRecord(ports));
    w.run(1);
    w.run(2);
    w.prober.tell(key(1, 'port'), true);
    w.setApp(
      aRecord({
        ...ports,
        readinessChecks: [aReadinessCheck()],
        version: '2026-01-02T00:00:00.000Z' as Timestamp,
      }),
    );
    expect([w.healthOf(1)?.ready, w.healthOf(2)?.ready]).toEqual([true, undefined]);
    expect([...w.prober.targets.keys()].sort()).toEqual([key(2, 'port'), key(2, 'ready')]);
  });

  it('a deployment that brings a readiness check takes nobody of the old definition out, also after a restart in it', async () => {
    const fresh = aRecord({ readinessChecks: [aReadinessCheck()] }, { launchHash: 'hash-2' });
    const w = await world(aRecord());
    w.run(1);
    w.run(2);
    w.prober.tell(key(1, 'port'), true);
    const served = w.instances.get(id(1)) as Instance;
    w.setApp(fresh);
    w.run(3, { launchHash: 'hash-2' });
    w.prober.tell(key(2, 'port'), true);
    expect([1, 2, 3].map((n) => w.healthOf(n)?.ready)).toEqual([true, true, undefined]);
    expect([...w.prober.targets.keys()].sort()).toEqual([key(3, 'port'), key(3, 'ready')]);

    const restarted = new HealthWorld();
    restarted.instances.set(id(1), served);
    restarted.setApp(fresh);
    restarted.versions.set('/web@2026-01-01T00:00:00.000Z', aRecord());
    await restarted.service.start();
    await turn();
    expect(restarted.healthOf(1)?.ready).toBe(true);
  });

  it('checks that change in place are probed anew, equal ones are left alone, and nobody loses health for it', async () => {
    const [a, b] = [aCheck({ path: '/a' }), aCheck({ path: '/b' })];
    const w = await world(aRecord({ healthChecks: [a] }));
    w.run(1);
    w.prober.tell(key(1, 'health-0'), true);
    const added = w.prober.added;
    w.events.length = 0;
    w.setApp(aRecord({ healthChecks: [a, b], version: '2026-01-02T00:00:00.000Z' as Timestamp }));
    expect(w.prober.added).toBe(added + 1);
    expect(w.events).toEqual([
      {
        eventType: 'add_health_check_event',
        appId: '/web',
        version: '2026-01-02T00:00:00.000Z',
        healthCheck: b,
      },
    ]);
    expect(w.healthOf(1)).toMatchObject({ healthy: true, results: [{ alive: true }, undefined] });
    w.clock.advance(400_000);
    w.prober.tell(key(1, 'health-1'), false);
    expect(w.healthOf(1)?.healthy).toBe(false);
    w.setApp(aRecord({ healthChecks: [a] }));
    expect(w.eventTypes().slice(-2)).toEqual(['remove_health_check_event', 'instance_health_changed_event']);
    expect(w.healthOf(1)).toMatchObject({ healthy: true });
    expect([...w.prober.targets.keys()]).toEqual([key(1, 'health-0')]);
  });

  it('instances of the old definition keep the old checks during a deployment, also when the server restarts in it', async () => {
    const [old, fresh] = [aCheck({ path: '/old' }), aCheck({ path: '/new' })];
    const oldRecord = aRecord({ healthChecks: [old] });
    const w = await world(oldRecord);
    w.run(1);
    w.setApp(aRecord({ healthChecks: [fresh] }, { launchHash: 'hash-2' }));
    w.run(2, { launchHash: 'hash-2' });
    w.run(3);
    const paths = (from: HealthWorld) => [...from.prober.targets.values()].map(({ path }) => path);
    expect(paths(w)).toEqual(['/old', '/new', '/old']);

    const restarted = new HealthWorld();
    for (const instance of w.instances.values()) restarted.instances.set(instance.id, instance);
    restarted.setApp(aRecord({ healthChecks: [fresh] }, { launchHash: 'hash-2' }));
    restarted.versions.set('/web@2026-01-01T00:00:00.000Z', oldRecord);
    restarted.versionError = new Error('the store cannot be read');
    await restarted.service.start();
    await turn();
    expect(paths(restarted)).toEqual(['/new']);
    restarted.versionError = undefined;
    await restarted.clock.advanceAsync(5_000);
    expect(paths(restarted).sort()).toEqual(['/new', '/old', '/old']);
  });

  it('after stop it reports nothing, listens to nobody and leaves no timer', async () => {
    const w = await world();
    w.run(1);
    w.versionError = new Error('unreadable');
    w.run(2, { launchHash: 'unknown' });
    await turn();
    await w.service.stop();
    w.facts.length = 0;
    w.prober.tell(key(1, 'health-0'), true);
    w.run(3);
    expect([w.facts, w.prober.stopped, w.prober.targets.has(key(3, 'health-0'))]).toEqual([[], true, false]);
    expect(w.clock.untilNext()).toBeUndefined();
  });
});
