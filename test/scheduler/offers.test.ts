import type { AppId } from '../../src/apps/app.js';
import { World } from './support/world.js';

const count = (world: World, type: string): number =>
  world.callTypes().filter((each) => each === type).length;

describe('offers', () => {
  it('are asked for only while something waits: suppressed when idle, revived by new work, no calls in between', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    await world.settle();
    expect(world.master.suppressed).toBe(true);
    world.app('/web');
    await world.run('/web', 1);
    expect(count(world, 'REVIVE')).toBe(1);
    expect(world.master.suppressed).toBe(true);
    const calls = world.master.calls.length;
    await world.tick(300_000);
    expect(world.master.calls.length).toBe(calls);
  });

  it('that fit nobody are declined without a hot loop, and the reasons are kept', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 1.5, mem: 1024 });
    world.app('/big', { cpus: 4, mem: 4096 });
    await world.run('/big', 1);
    const before = world.master.calls.length;
    await world.tick(9_000);
    expect(world.master.calls.length).toBe(before);
    const entry = world.scheduler.queueEntry('/big' as AppId);
    expect(entry).toMatchObject({
      count: 1,
      processedOffers: 1,
      unusedOffers: 1,
      launchAttemptRefusals: { InsufficientCpus: 1 },
    });
    expect(entry?.lastRefusals[0]).toMatchObject({
      hostname: 'host-a1',
      reasons: ['InsufficientCpus', 'InsufficientMemory'],
      explanation: ['needs 4 cpus, 1.5 offered', 'needs 4096 MiB of memory, 1024 offered'],
      offer: { hostname: 'host-a1', agentId: 'a1' },
    });
    expect(entry?.why).toEqual([
      'host-a1: needs 4 cpus, 1.5 offered; needs 4096 MiB of memory, 1024 offered.',
    ]);
    world.master.addAgent('a2', { cpus: 8, mem: 8192 });
    await world.settle();
    expect(world.conditions('/big')).toEqual(['Running']);
    expect(world.scheduler.queueEntry('/big' as AppId)).toBeUndefined();
    expect(world.scheduler.queue()).toEqual([]);
  });

  it('held back by a filter are asked for again when a constraint gives way', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web', { constraints: [['hostname', 'UNIQUE']] });
    await world.run('/web', 2);
    expect(world.conditions('/web')).toEqual(['Running', 'Scheduled']);
    const placed = world.of('/web').find((each) => each.condition === 'Running');
    await world.stop1('/web', placed ? [placed.id] : []);
    await world.tick(100);
    expect(world.conditions('/web')).toEqual(['Running']);
  });

  it('are shared fairly: a small app is not starved by a big one that came first', async () => {
    const world = await new World().start();
    world.app('/big');
    world.app('/small');
    await world.run('/big', 10);
    await world.run('/small', 2);
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    await world.settle();
    expect(world.conditions('/small')).toEqual(['Running', 'Running']);
    expect(world.conditions('/big').filter((each) => each === 'Running')).toHaveLength(2);
  });

  it('spread an app over the agents, and GROUP_BY over the racks', async () => {
    const world = await new World().start();
    for (const [index, rack] of ['r1', 'r1', 'r1', 'r2', 'r2', 'r3'].entries()) {
      world.master.addAgent(`a${index}`, { cpus: 10, mem: 4096, attributes: { rack } });
    }
    world.app('/plain');
    await world.run('/plain', 6);
    expect(new Set(world.of('/plain').map((each) => each.task?.agentId)).size).toBe(6);
    world.app('/grouped', { constraints: [['rack', 'GROUP_BY']] });
    await world.run('/grouped', 9);
    const sizes = new Map<string, number>();
    for (const each of world.of('/grouped')) {
      const rack = each.task?.attributes['rack'] ?? '';
      sizes.set(rack, (sizes.get(rack) ?? 0) + 1);
    }
    expect([...sizes.values()]).toEqual([3, 3, 3]);
  });

  it('under GROUP_BY do not wait for a rack that has no room', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 10, mem: 4096, attributes: { rack: 'r1' } });
    world.master.addAgent('a2', { cpus: 0.1, mem: 4096, attributes: { rack: 'r2' } });
    world.app('/grouped', { constraints: [['rack', 'GROUP_BY']] });
    await world.run('/grouped', 3);
    expect(world.conditions('/grouped')).toEqual(['Running', 'Running', 'Running']);
  });

  it('never give a port that still rests; the launch follows when it is free', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024, ports: [31000, 31000] });
    world.app('/web', { portDefinitions: [{ port: 0, protocol: 'tcp' }] });
    world.drainer.resting.add(31000);
    await world.run('/web', 1);
    expect(world.conditions('/web')).toEqual(['Scheduled']);
    expect(world.scheduler.queueEntry('/web' as AppId)?.why?.[0]).toContain('resting');
    world.drainer.resting.clear();
    await world.tick(1_100);
    expect(world.conditions('/web')).toEqual(['Running']);
  });

  it('are not hidden from an app that came while the launch of another became durable', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/first');
    world.app('/second');
    const commit = world.store.commit.bind(world.store);
    world.store.commit = async (batch) => {
      if (JSON.stringify(batch.writes).includes('Provisioned')) {
        world.store.commit = commit;
        await world.start1('/second', 1);
        expect(world.conditions('/second')).toEqual(['Scheduled']);
      }
      await commit(batch);
    };
    await world.run('/first', 1);
    await world.settle();
    expect(world.conditions('/first')).toEqual(['Running']);
    expect(world.conditions('/second')).toEqual(['Running']);
  });

  it('launch many tasks per ACCEPT, bounded per offer, and go on with what is left', async () => {
    const world = await new World({ maxInstancesPerOffer: 10 }).start();
    world.master.addAgent('a1', { cpus: 100, mem: 100_000 });
    world.app('/web', { cpus: 0.5, mem: 1 });
    await world.run('/web', 45);
    expect(world.conditions('/web').every((each) => each === 'Running')).toBe(true);
    const sizes = world.master.calls.flatMap((call) =>
      call.type === 'ACCEPT'
        ? [
            (call.accept.operations ?? []).reduce(
              (sum, each) => sum + (each.type === 'LAUNCH' ? each.launch.task_infos.length : 0),
              0,
            ),
          ]
        : [],
    );
    expect(sizes).toEqual([10, 10, 10, 10, 5]);
  });
});

describe('events', () => {
  it('tell a life field by field, nulls included', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    const { app } = world.app('/web', { portDefinitions: [{ port: 10000, protocol: 'tcp' }] });
    const [instance] = await world.run('/web', 1);
    const told = world.events.bodies.filter(
      (body) => body.eventType === 'instance_changed_event' || body.eventType === 'status_update_event',
    );
    const changed = {
      eventType: 'instance_changed_event',
      instanceId: instance?.id,
      runSpecId: '/web',
      runSpecVersion: app.version,
    };
    const placed = { agentId: 'a1', host: 'host-a1' };
    const status = {
      eventType: 'status_update_event',
      slaveId: 'a1',
      taskId: instance?.task?.id,
      message: '',
      appId: '/web',
      host: 'host-a1',
      ipAddresses: [],
      ports: instance?.task?.hostPorts,
      version: app.version,
    };
    expect(told).toEqual([
      { ...changed, condition: 'Scheduled', agentId: null, host: null },
      { ...changed, condition: 'Provisioned', ...placed },
      { ...status, taskStatus: 'TASK_STARTING' },
      { ...changed, condition: 'Starting', ...placed },
      { ...status, taskStatus: 'TASK_RUNNING' },
      { ...changed, condition: 'Running', ...placed },
    ]);
  });
});
