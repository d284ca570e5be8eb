import type { App, AppId } from '../../src/apps/app.js';
import type { InstanceHealth, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import { MAX_DEFERRED } from '../../src/scheduler/instance-life.js';
import { MAX_REQUEST_BATCH } from '../../src/scheduler/requests.js';
import { World } from './support/world.js';

const ports = { portDefinitions: [{ port: 10000, protocol: 'tcp' as const }] };

function first<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined) throw new Error('the list is empty');
  return one;
}

async function running(
  count: number,
  app: Parameters<World['app']>[1] = {},
  settings: ConstructorParameters<typeof World>[0] = {},
): Promise<World> {
  const world = await new World(settings).start();
  world.master.addAgent('a1', { cpus: 100, mem: 100_000 });
  world.app('/web', app);
  await world.run('/web', count);
  expect(world.conditions('/web')).toEqual(Array.from({ length: count }, () => 'Running'));
  return world;
}

function taskIdOf(world: World, index = 0): TaskId {
  const taskId = world.of('/web')[index]?.task?.id;
  if (taskId === undefined) throw new Error('no task');
  return taskId;
}

describe('taking out', () => {
  it('is durable before the drain begins, drains before the kill, and forgets at the end', async () => {
    const world = await running(1, { ...ports, taskKillGracePeriodSeconds: 7 });
    world.drainer.automatic = false;
    const { id } = first(world.of('/web'));
    world.store.hold();
    const done = world.scheduler.want('/web' as AppId, { start: 0, stop: [id], reason: 'scale down' });
    await world.settle();
    expect(world.drainer.drains).toHaveLength(0);
    world.store.release();
    await done;
    await world.settle();
    expect(world.stored().get(id)?.takingOut).toMatchObject({ phase: 'draining', reason: 'scale down' });
    expect(world.drainer.drains).toHaveLength(1);
    expect(world.callTypes()).not.toContain('KILL');
    first(world.drainer.drains).end();
    await world.settle();
    const kill = world.master.calls.find((call) => call.type === 'KILL');
    expect(kill).toMatchObject({
      kill: { agent_id: { value: 'a1' }, kill_policy: { grace_period: { nanoseconds: 7e9 } } },
    });
    expect(world.of('/web')).toEqual([]);
    expect(world.stored().size).toBe(0);
    expect(world.master.unacknowledged).toBe(0);
  });

  it('drains a container that is reached at an address of its own, without any host port', async () => {
    const portMappings = [{ containerPort: 80, protocol: 'tcp' as const, servicePort: 10000 }];
    const world = await running(1, {
      networks: [{ mode: 'container', name: 'blue' }],
      container: { type: 'DOCKER', docker: { image: 'web:1' }, volumes: [], portMappings },
    } as never);
    expect(first(world.of('/web')).task?.hostPorts).toEqual([]);
    world.drainer.automatic = false;
    await world.stop1('/web', [first(world.of('/web')).id]);
    expect(world.drainer.drains).toHaveLength(1);
    expect(world.callTypes()).not.toContain('KILL');
    first(world.drainer.drains).end();
    await world.settle();
    expect(world.callTypes()).toContain('KILL');
    expect(world.of('/web')).toEqual([]);
  });

  it('is said again every 30 s until the end is known', async () => {
    const world = await running(1);
    world.master.automatic = false;
    await world.stop1('/web', [first(world.of('/web')).id]);
    const kills = (): number => world.callTypes().filter((type) => type === 'KILL').length;
    expect(kills()).toBe(1);
    await world.tick(29_000);
    expect(kills()).toBe(1);
    await world.tick(61_000);
    expect(kills()).toBe(4);
    world.master.update(taskIdOf(world), 'TASK_KILLED');
    await world.tick(100_000);
    expect(kills()).toBe(4);
    expect(world.of('/web')).toEqual([]);
  });

  it('is said again as soon as its agent is back after a restart: what was said before that is lost', async () => {
    const world = await running(1);
    world.master.automatic = false;
    await world.stop1('/web', [first(world.of('/web')).id]);
    await world.crash();
    world.master.forgetAgents();
    await world.start();
    const kills = (): number => world.callTypes().filter((type) => type === 'KILL').length;
    const before = kills();
    world.master.register('a1');
    await world.settle();
    expect(kills()).toBe(before + 1);
    await world.tick(1_000);
    expect(kills()).toBe(before + 1);
  });

  it('goes on after a restart where it was', async () => {
    const world = await running(2, ports);
    world.drainer.automatic = false;
    const ids = world.of('/web').map((each) => each.id);
    await world.stop1('/web', ids);
    first(world.drainer.drains).end();
    world.master.automatic = false;
    await world.settle();
    await world.crash();
    world.drainer.automatic = true;
    world.master.automatic = true;
    await world.start();
    await world.settle();
    expect(world.of('/web')).toEqual([]);
    expect(world.master.liveTasks()).toEqual([]);
  });

  it('goes on after a restart at once: traffic leaves before the agent is back', async () => {
    const world = await running(1, ports);
    world.drainer.automatic = false;
    await world.stop1('/web', [first(world.of('/web')).id]);
    await world.crash();
    world.master.forgetAgents();
    const drains = world.drainer.drains.length;
    await world.start();
    await world.settle();
    expect(world.drainer.drains).toHaveLength(drains + 1);
  });

  it('never has more kills in flight than allowed, and a dead agent does not hold up the others', async () => {
    const world = await running(5, {}, { maxKillsInFlight: 2 });
    world.master.automatic = false;
    await world.stop1(
      '/web',
      world.of('/web').map((each) => each.id),
    );
    const killed = (): string[] =>
      world.master.calls.flatMap((call) => (call.type === 'KILL' ? [call.kill.task_id.value] : []));
    expect(killed()).toHaveLength(2);
    world.master.update(first(killed()), 'TASK_KILLED');
    await world.settle();
    expect(killed()).toHaveLength(3);
    await world.tick(30_000);
    expect(new Set(killed()).size).toBeGreaterThanOrEqual(4);
  });

  it('by request launches the instance again under the next incarnation, with the current definition', async () => {
    const world = await running(1);
    const before = first(world.of('/web'));
    world.app('/web', { cmd: 'other' }, 'hash-2');
    const done = world.scheduler.kill([before.id], { decommission: false, wipe: false });
    await world.settle();
    await done;
    await world.settle();
    const after = first(world.of('/web'));
    expect(after).toMatchObject({
      id: before.id,
      incarnation: 2,
      condition: 'Running',
      launchHash: 'hash-2',
    });
    expect(after.task?.id).toBe(`${before.id}._app.2`);
    expect(after.takingOut).toBeUndefined();
  });

  it('by a request for very many goes batch by batch, and ends with all of them', async () => {
    const count = 2 * MAX_REQUEST_BATCH + 1;
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 2 * count, mem: 1_000_000 });
    world.app('/web');
    const started = world.start1('/web', count);
    await world.tick(1_000);
    await started;
    const sizes: number[] = [];
    world.store.onCommit = ({ writes }) => sizes.push(writes.length);
    const ids = world.of('/web').map(({ id }) => id);
    const killed = world.scheduler.kill(ids, { decommission: true, wipe: false });
    await world.tick(1_000);
    await killed;
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_REQUEST_BATCH);
    expect(world.of('/web')).toEqual([]);
    expect(world.stored().size).toBe(0);
    expect(world.master.unacknowledged).toBe(0);
  });

  it('wipes without draining', async () => {
    const world = await running(1, ports);
    await Promise.all([
      world.scheduler.kill([first(world.of('/web')).id], { decommission: true, wipe: true }),
      world.settle(),
    ]);
    await world.settle();
    expect(world.drainer.drains).toHaveLength(0);
    expect(world.of('/web')).toEqual([]);
  });

  it('kills at once what fails its health checks, says why, and launches it again', async () => {
    const world = await running(1, ports);
    const { id, task } = first(world.of('/web'));
    world.scheduler.report({ kind: 'give-up', instanceId: id, taskId: 'stale' as TaskId, reason: 'x' });
    await world.settle();
    expect(first(world.of('/web')).incarnation).toBe(1);
    world.scheduler.report({
      kind: 'give-up',
      instanceId: id,
      taskId: task?.id as TaskId,
      reason: 'HTTP 500',
    });
    await world.settle();
    expect(world.drainer.drains).toHaveLength(0);
    expect(first(world.of('/web'))).toMatchObject({ id, incarnation: 2, condition: 'Running' });
    const failure = world.scheduler.lastTaskFailure('/web' as AppId);
    expect(failure).toMatchObject({
      state: 'TASK_KILLED',
      message: 'Task was killed since health check failed. Reason: HTTP 500',
    });
    await world.crash();
    await world.start();
    expect(world.scheduler.lastTaskFailure('/web' as AppId)).toEqual(failure);
    world.scheduler.forget('/web' as AppId);
    await world.settle();
    expect([...world.store.records.keys()].filter((key) => key.startsWith('task-failure!'))).toEqual([]);
  });
});

describe('silence', () => {
  it('means nothing: while agents are away after a restart nothing is replaced', async () => {
    const world = await running(3);
    await world.crash();
    world.master.forgetAgents();
    await world.start();
    expect(world.scheduler.settling).toBe(true);
    await world.tick(600_000);
    expect(world.conditions('/web')).toEqual(['Running', 'Running', 'Running']);
    expect(world.of('/web').every((each) => each.incarnation === 1)).toBe(true);
    world.master.register('a1');
    await world.tick(1_000);
    expect(world.of('/web').every((each) => each.condition === 'Running' && each.incarnation === 1)).toBe(
      true,
    );
  });

  it('ends when every task is answered for', async () => {
    const world = await running(2);
    await world.crash();
    world.master.forgetAgents();
    await world.start();
    expect(world.scheduler.settling).toBe(true);
    world.master.register('a1');
    await world.settle();
    expect(world.scheduler.settling).toBe(false);
  });

  it('"unknown" is only another word for it, until the agents\' time is over', async () => {
    const world = await running(1);
    await world.crash();
    world.master.agents.delete('a1');
    await world.start();
    await world.tick(59_000);
    expect(first(world.of('/web'))).toMatchObject({ condition: 'Running', incarnation: 1 });
    expect(world.scheduler.settling).toBe(true);
    await world.tick(2_000);
    expect(world.scheduler.settling).toBe(false);
    expect(first(world.of('/web')).condition).toBe('Scheduled');
  });

  it('asks again and again, with growing pauses', async () => {
    const world = await running(1);
    await world.crash();
    world.master.forgetAgents();
    world.master.calls.length = 0;
    await world.start();
    await world.tick(50_000);
    const explicit = (): typeof world.master.calls =>
      world.master.calls.filter((call) => call.type === 'RECONCILE' && call.reconcile.tasks.length > 0);
    expect(explicit().length).toBeGreaterThanOrEqual(20);
    expect(explicit().length).toBeLessThan(32);
    await world.tick(60_000);
    const settled = explicit().length;
    await world.tick(120_000);
    expect(explicit().length - settled).toBe(4);
    expect(first(explicit())).toMatchObject({ reconcile: { tasks: [{ agent_id: { value: 'a1' } }] } });
  });

  it('is broken by "gone" from the registered agent: launched again, without a delay when it was never launched', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web');
    world.master.onCall = (call) => {
      if (call.type === 'ACCEPT') world.store.crashAtCommit = 0;
    };
    // The ACCEPT is lost with the process: the crash comes between durability and the master.
    world.master.connected = true;
    const done = world.start1('/web', 1);
    world.master.automatic = false;
    await world.settle();
    await done;
    world.master.agents.get('a1')?.tasks.clear();
    world.master.onCall = undefined;
    await world.crash();
    world.master.automatic = true;
    await world.start();
    await world.settle();
    expect(first(world.of('/web'))).toMatchObject({ condition: 'Running', incarnation: 2 });
  });
});

describe('an agent that cannot be reached', () => {
  it('is replaced at once by default, and what returns is killed', async () => {
    const world = await running(1);
    world.master.addAgent('a2', { cpus: 4, mem: 1024 });
    const before = first(world.of('/web'));
    world.master.lose('a1');
    await world.settle();
    const after = first(world.of('/web'));
    expect(after).toMatchObject({ condition: 'Running', incarnation: 1 });
    expect(after.id).not.toBe(before.id);
    expect(world.master.liveTasks()).toHaveLength(2);
    world.master.register('a1');
    await world.settle();
    expect(world.master.liveTasks().map((task) => task.task_id.value)).toEqual([after.task?.id]);
    expect(world.of('/web')).toHaveLength(1);
    expect(world.master.unacknowledged).toBe(0);
  });

  it('is given its time by {i, e}; back in between, one of the two goes', async () => {
    const world = await running(1, {
      unreachableStrategy: { inactiveAfterSeconds: 10, expungeAfterSeconds: 60 },
    });
    world.master.addAgent('a2', { cpus: 4, mem: 1024 });
    world.master.lose('a1');
    await world.tick(9_000);
    expect(world.conditions('/web')).toEqual(['Unreachable']);
    await world.tick(2_000);
    expect(world.conditions('/web')).toEqual(['Running', 'UnreachableInactive']);
    world.master.register('a1');
    await world.tick(1_000);
    expect(world.conditions('/web')).toEqual(['Running']);
    expect(world.master.liveTasks()).toHaveLength(1);
  });

  it('is expunged at e, also across a restart', async () => {
    const world = await running(1, {
      unreachableStrategy: { inactiveAfterSeconds: 10, expungeAfterSeconds: 60 },
    });
    world.master.lose('a1');
    await world.tick(40_000);
    expect(world.conditions('/web')).toEqual(['Scheduled', 'UnreachableInactive']);
    await world.crash();
    await world.start();
    await world.tick(15_000);
    expect(world.conditions('/web')).toEqual(['Scheduled', 'UnreachableInactive']);
    await world.tick(6_000);
    expect(world.conditions('/web')).toEqual(['Scheduled']);
  });

  it('is waited for without end when the strategy is disabled', async () => {
    const world = await running(1, { unreachableStrategy: 'disabled' });
    world.master.lose('a1');
    await world.tick(10 * 3_600_000);
    expect(world.conditions('/web')).toEqual(['Unreachable']);
    world.master.register('a1');
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Running']);
  });
});

describe('a changed strategy for unreachable instances', () => {
  const away = async (strategy: App['unreachableStrategy']): Promise<World> => {
    const world = await running(1, { unreachableStrategy: strategy });
    world.master.addAgent('a2', { cpus: 4, mem: 1024 });
    world.master.lose('a1');
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Unreachable']);
    return world;
  };

  /** What the registry tells of a change that needs no launch. */
  const change = (world: World, strategy: App['unreachableStrategy']): void => {
    const appId = '/web' as AppId;
    const before = world.apps.get(appId);
    const after = world.app('/web', { unreachableStrategy: strategy });
    world.scheduler.appsChanged([{ appId, before, after }]);
  };

  it('that waits no longer replaces who is away already', async () => {
    const world = await away('disabled');
    await world.tick(3_600_000);
    const lost = first(world.of('/web'));
    change(world, { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 });
    await world.tick(1_000);
    expect(world.conditions('/web')).toEqual(['Running']);
    expect(first(world.of('/web'))).toMatchObject({ task: { agentId: 'a2' } });
    expect(first(world.of('/web')).id).not.toBe(lost.id);
  });

  it('that waits without end replaces nobody any more, also when only the definition tells of it', async () => {
    for (const isTold of [true, false]) {
      const world = await away({ inactiveAfterSeconds: 60, expungeAfterSeconds: 3600 });
      await world.tick(30_000);
      if (isTold) change(world, 'disabled');
      else world.app('/web', { unreachableStrategy: 'disabled' });
      await world.tick(3 * 3_600_000);
      expect(world.conditions('/web')).toEqual(['Unreachable']);
    }
  });

  it('gives more time, counted from the beginning, and the wall clock takes no part in it', async () => {
    const longer = { inactiveAfterSeconds: 10, expungeAfterSeconds: 120 };
    for (const isTold of [true, false]) {
      const world = await away({ inactiveAfterSeconds: 10, expungeAfterSeconds: 60 });
      await world.tick(20_000);
      expect(world.conditions('/web')).toEqual(['Running', 'UnreachableInactive']);
      if (isTold) {
        change(world, longer);
        world.clock.jumpWall(-3_600_000);
      } else world.app('/web', { unreachableStrategy: longer });
      await world.tick(99_000);
      expect(world.conditions('/web')).toEqual(['Running', 'UnreachableInactive']);
      await world.tick(2_000);
      expect(world.conditions('/web')).toEqual(['Running']);
    }
  });
});

describe('a changed role', () => {
  it('of an app that waits for an offer is asked for with the launch that will be made', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web', { cpus: 100 });
    await world.run('/web', 1);
    expect(world.callTypes()).not.toContain('UPDATE_FRAMEWORK');
    world.app('/web', { role: 'g' }, 'hash-2');
    await world.tick(60_000);
    const told = world.master.calls.flatMap((call) =>
      call.type === 'UPDATE_FRAMEWORK' ? [call.update_framework.framework_info.roles] : [],
    );
    expect(told).toEqual([['*', 'g']]);
    expect(world.scheduler.queueEntry('/web' as AppId)?.role).toBe('g');
  });
});

describe('launches', () => {
  it('that take too long are killed and launched again', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web');
    world.master.automatic = false;
    await world.run('/web', 1);
    expect(world.conditions('/web')).toEqual(['Provisioned']);
    await world.tick(299_000);
    expect(world.callTypes()).not.toContain('KILL');
    await world.tick(2_000);
    expect(world.callTypes()).toContain('KILL');
    expect(first(world.of('/web')).takingOut).toMatchObject({ reason: 'launch overdue', immediate: true });
    world.master.automatic = true;
    world.master.update(taskIdOf(world), 'TASK_KILLED');
    await world.settle();
    expect(first(world.of('/web'))).toMatchObject({ condition: 'Running', incarnation: 2 });
  });

  it('back off after failures; the delay can be reset, and is told', async () => {
    const world = await running(1, { backoffSeconds: 10 });
    world.master.update(taskIdOf(world), 'TASK_FAILED', { message: 'exit 1' });
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Scheduled']);
    const entry = world.scheduler.queueEntry('/web' as AppId);
    expect(entry?.backoffUntil).toBeDefined();
    expect(entry?.why?.[0]).toMatch(/^Backing off for another 10 s/);
    expect(world.master.suppressed).toBe(true);
    await world.tick(9_900);
    expect(world.conditions('/web')).toEqual(['Scheduled']);
    await world.tick(200);
    expect(world.conditions('/web')).toEqual(['Running']);
    world.master.update(taskIdOf(world), 'TASK_FINISHED');
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Scheduled']);
    expect(world.scheduler.resetDelay('/web' as AppId)).toBe(true);
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Running']);
    expect(world.scheduler.resetDelay('/web' as AppId)).toBe(false);
    expect(world.scheduler.lastTaskFailure('/web' as AppId)).toMatchObject({
      state: 'TASK_FAILED',
      message: 'exit 1',
      slaveId: 'a1',
    });
  });

  it('are not made any more once the server quiesces', async () => {
    const world = await running(1);
    world.scheduler.quiesce();
    world.master.update(taskIdOf(world), 'TASK_KILLED');
    await world.tick(60_000);
    expect(world.conditions('/web')).toEqual(['Scheduled']);
    expect(world.scheduler.queueEntry('/web' as AppId)?.why).toEqual([
      'Nothing is launched any more: the server is shutting down.',
    ]);
    await world.crash();
    await world.start();
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Running']);
  });

  it('whose offer is rescinded before they leave are undone and made again', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web');
    await world.start1('/web', 1);
    world.store.hold();
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Provisioned']);
    world.master.rescindAll();
    await world.settle();
    expect(world.callTypes()).not.toContain('ACCEPT');
    world.store.release();
    await world.settle();
    expect(first(world.of('/web'))).toMatchObject({ condition: 'Running', incarnation: 2 });
    expect(world.callTypes().filter((type) => type === 'ACCEPT')).toHaveLength(1);
    expect(world.master.launched.size).toBe(1);
  });

  it('that are killed before they leave never leave', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web');
    await world.start1('/web', 1);
    world.store.hold();
    await world.settle();
    const { id } = first(world.of('/web'));
    const done = world.scheduler.want('/web' as AppId, { start: 0, stop: [id], reason: 'scale down' });
    await world.settle();
    world.store.release();
    await world.settle();
    await done;
    await world.settle();
    expect(world.of('/web')).toEqual([]);
    expect(world.master.liveTasks()).toEqual([]);
    expect(world.stored().size).toBe(0);
  });

  it('forget every offer of a lost subscription', async () => {
    const world = await new World().start();
    world.master.addAgent('a1', { cpus: 4, mem: 1024 });
    world.app('/web');
    await world.start1('/web', 1);
    world.store.hold();
    await world.settle();
    world.master.disconnect();
    world.store.release();
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Scheduled']);
    world.master.reconnect();
    await world.tick(20_000);
    expect(first(world.of('/web'))).toMatchObject({ condition: 'Running', incarnation: 2 });
    expect(world.events.bodies.map((body) => body.eventType)).toEqual(
      expect.arrayContaining([
        'scheduler_registered_event',
        'scheduler_disconnected_event',
        'scheduler_reregistered_event',
      ]),
    );
  });
});

describe('tasks that nobody knows', () => {
  it('are killed, once per retry time, and their end is told', async () => {
    const world = await running(1);
    const known = first(world.of('/web'));
    const stranger = 'ghost.instance-6f1d2c3e-8b1a-11ee-b9d1-0242ac120002._app.1';
    const update = (state: 'TASK_RUNNING' | 'TASK_KILLED', uuid: string): void =>
      world.master.emit({
        type: 'UPDATE',
        update: { status: { task_id: { value: stranger }, state, uuid, agent_id: { value: 'a1' } } },
      });
    update('TASK_RUNNING', 'x1');
    update('TASK_RUNNING', 'x2');
    await world.settle();
    const kills = world.master.calls.filter((call) => call.type === 'KILL');
    expect(kills).toHaveLength(1);
    expect(kills[0]).toMatchObject({ kill: { task_id: { value: stranger }, agent_id: { value: 'a1' } } });
    update('TASK_KILLED', 'x3');
    await world.settle();
    expect(world.events.bodies).toContainEqual(
      expect.objectContaining({
        eventType: 'unknown_instance_terminated_event',
        runSpecId: '/ghost',
        condition: 'Killed',
      }),
    );
    const acknowledged = world.master.calls.flatMap((call) =>
      call.type === 'ACKNOWLEDGE' ? [call.acknowledge.uuid] : [],
    );
    expect(acknowledged).toEqual(expect.arrayContaining(['x1', 'x2', 'x3']));
    world.master.emit({
      type: 'UPDATE',
      update: {
        status: {
          task_id: { value: `${known.id}._app.9` },
          state: 'TASK_RUNNING',
          agent_id: { value: 'a1' },
        },
      },
    });
    await world.settle();
    expect(world.master.calls.filter((call) => call.type === 'KILL')).toHaveLength(2);
    expect(world.conditions('/web')).toEqual(['Running']);
  });
});

describe('a store that refuses', () => {
  it('makes requests fail and changes nothing', async () => {
    const world = await running(1);
    const before = first(world.of('/web'));
    world.store.refuse('disk-full');
    await expect(
      world.scheduler.want('/web' as AppId, { start: 3, stop: [before.id], reason: 'surplus' }),
    ).rejects.toMatchObject({ code: 'disk-full' });
    await expect(world.scheduler.kill([before.id], { decommission: true, wipe: true })).rejects.toMatchObject(
      { code: 'disk-full' },
    );
    await world.settle();
    expect(world.of('/web')).toEqual([before]);
    expect(world.callTypes()).not.toContain('KILL');
  });

  it('holds acknowledgements and relaunches until it recovers, and loses nothing', async () => {
    const world = await running(2);
    const task = taskIdOf(world);
    world.store.refuse('flush-failed');
    world.master.update(task, 'TASK_FAILED');
    await world.settle();
    expect(world.master.unacknowledged).toBe(1);
    world.master.resend();
    await world.tick(20_000);
    expect(world.master.unacknowledged).toBe(1);
    expect(world.master.liveTasks()).toHaveLength(1);
    expect(world.scheduler.queueEntry('/web' as AppId)?.why).toEqual([
      'Nothing is launched while the store cannot be written.',
    ]);
    world.store.recover();
    await world.tick(2_000);
    expect(world.master.unacknowledged).toBe(0);
    expect(world.conditions('/web')).toEqual(['Running', 'Running']);
    expect(world.master.violations).toEqual([]);
  });

  it('while too much happens to an instance that a request holds: it is asked for anew afterwards', async () => {
    const world = await running(1, ports);
    world.drainer.automatic = false;
    const { id, task } = first(world.of('/web'));
    await world.scheduler.kill([id], { decommission: false, wipe: false });
    expect(world.drainer.drains).toHaveLength(1);
    world.store.hold();
    const done = world.scheduler.want('/web' as AppId, { start: 0, stop: [id], reason: 'scale down' });
    await world.settle();
    const asked = world.master.calls.length;
    for (let number = 0; number <= MAX_DEFERRED; number++)
      world.master.update(taskIdOf(world), 'TASK_RUNNING', { message: `${number}` });
    await world.settle();
    first(world.drainer.drains).end();
    await world.settle();
    world.store.release();
    await world.settle();
    await done;
    await world.settle();
    const named = world.master.calls
      .slice(asked)
      .flatMap((call) =>
        call.type === 'RECONCILE' ? call.reconcile.tasks.map(({ task_id: { value } }) => value) : [],
      );
    expect(named).toContain(task?.id);
    // The end of the drain was among what was not taken in: it drains again, then goes.
    expect(world.drainer.drains).toHaveLength(2);
    world.drainer.drains[1]?.end();
    await world.settle();
    expect(world.of('/web')).toEqual([]);
  });

  it('does not let an update overtake the request that holds its instance', async () => {
    const world = await running(1);
    const { id } = first(world.of('/web'));
    world.store.hold();
    const done = world.scheduler.want('/web' as AppId, { start: 0, stop: [id], reason: 'scale down' });
    await world.settle();
    world.master.update(taskIdOf(world), 'TASK_FAILED');
    await world.settle();
    expect(world.conditions('/web')).toEqual(['Running']);
    world.store.release();
    await world.settle();
    await done;
    await world.settle();
    expect(world.of('/web')).toEqual([]);
    expect(world.stored().size).toBe(0);
    expect(world.master.unacknowledged).toBe(0);
  });
});

describe('health facts', () => {
  it('flips are durable at once, counts a little later, stale ones ignored', async () => {
    const world = await running(1, ports);
    const { id, task } = first(world.of('/web'));
    const taskId = task?.id as TaskId;
    const health = (alive: boolean, of = taskId): InstanceHealth => ({
      taskId: of,
      healthy: alive,
      results: [{ alive, consecutiveFailures: alive ? 0 : 1 }],
    });
    world.scheduler.report({ kind: 'health', instanceId: id, health: health(true), flip: true });
    await world.settle();
    expect(world.stored().get(id)?.health?.healthy).toBe(true);
    expect(world.scheduler.instances.counts('/web' as AppId)).toMatchObject({
      running: 1,
      healthy: 1,
      unhealthy: 0,
    });
    world.scheduler.report({ kind: 'health', instanceId: id, health: health(false), flip: false });
    await world.settle();
    expect(world.scheduler.instances.counts('/web' as AppId)).toMatchObject({ healthy: 0, unhealthy: 1 });
    expect(world.stored().get(id)?.health?.healthy).toBe(true);
    await world.tick(5_100);
    expect(world.stored().get(id)?.health?.healthy).toBe(false);
    world.scheduler.report({
      kind: 'health',
      instanceId: id,
      health: health(true, 'other' as TaskId),
      flip: true,
    });
    expect(world.scheduler.instances.get(id as InstanceId)?.health?.healthy).toBe(false);
  });
});

describe('a refusal by the master', () => {
  it('to know the framework any more leads to a new one; its tasks are launched again', async () => {
    const world = await running(1);
    world.master.frameworkId = 'fw-0001';
    world.master.agents.get('a1')?.tasks.clear();
    world.master.emit({ type: 'ERROR', error: { message: 'Framework has been removed' } });
    await world.tick(1_000);
    const subscribes = world.master.calls.filter((call) => call.type === 'SUBSCRIBE');
    expect(subscribes.at(-1)).not.toHaveProperty('framework_id');
    expect(world.scheduler.frameworkId).toBe('fw-0001');
    await world.tick(5_000);
    expect(JSON.parse(world.store.records.get('framework!id') ?? '')).toEqual({ id: 'fw-0001' });
    expect(first(world.of('/web'))).toMatchObject({ condition: 'Running', incarnation: 2 });
  });

  it('because another scheduler took over ends all activity', async () => {
    const world = await running(1);
    world.master.emit({ type: 'ERROR', error: { message: 'Framework failed over' } });
    await world.settle();
    world.master.disconnect();
    world.master.reconnect();
    const calls = world.master.calls.length;
    await world.tick(300_000);
    expect(world.master.calls.length).toBe(calls);
  });
});
