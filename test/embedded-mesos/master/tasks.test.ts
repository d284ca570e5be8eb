import { recordedEvents } from '../fixtures/recorded-events.js';
import {
  PING_TIMEOUT_MS,
  REREGISTER_TIMEOUT_MS,
  type TestFramework,
  task,
  World,
  type WorldAgent,
} from './world.js';

async function running(
  options: { acknowledges?: boolean } = {},
): Promise<{ world: World; framework: TestFramework; member: WorldAgent; agentId: string }> {
  const world = await new World().start();
  const framework = await world.framework({}, options);
  const member = world.agent('a1');
  await world.settle();
  const agentId = member.agent.id ?? '';
  framework.launch(framework.lastOffer, [task('t1', agentId)], 3600);
  await world.settle();
  return { world, framework, member, agentId };
}

/** The keys of a status apart from those that only some agents set. */
function keysOf(status: object): string[] {
  return Object.keys(status)
    .filter((key) => key !== 'container_status' && key !== 'executor_id')
    .sort();
}

describe('tasks in the embedded master', () => {
  it('run, are acknowledged, end and are forgotten by the agent', async () => {
    const { world, framework, member } = await running();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    expect(framework.lastUpdate('t1')?.uuid).toBeDefined();
    member.agent.endTask('t1', 'TASK_FINISHED');
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_FINISHED']);
    expect(member.agent.taskCount).toBe(0);
    expect(world.master.agents()[0]).toMatchObject({ taskCount: 0, used: [] });
  });

  it('tell of an end before they offer what it freed', async () => {
    const { world, framework, member } = await running();
    member.agent.endTask('t1');
    await world.settle();
    const types = framework.events.map(({ type }) => type);
    expect(types.lastIndexOf('OFFERS')).toBeGreaterThan(types.lastIndexOf('UPDATE'));
    expect(framework.offers).toHaveLength(2);
  });

  it('repeat an update until it is acknowledged, and free resources without waiting for that', async () => {
    const { world, framework, member } = await running({ acknowledges: false });
    const update = framework.lastUpdate('t1');
    await world.pass(31_000);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_RUNNING', 'TASK_RUNNING']);
    member.agent.endTask('t1');
    if (update) framework.acknowledge(update);
    await world.settle();
    expect(framework.states('t1').at(-1)).toBe('TASK_FAILED');
    expect(world.master.agents()[0]).toMatchObject({ used: [], taskCount: 1 });
  });

  it('ignore an acknowledgement of something never sent', async () => {
    const { world, framework, member, agentId } = await running({ acknowledges: false });
    framework.acknowledge({
      task_id: { value: 't1' },
      state: 'TASK_RUNNING',
      agent_id: { value: agentId },
      uuid: 'AAAA',
    });
    await world.settle();
    member.agent.endTask('t1');
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    expect(world.master.counters.get('master/invalid_status_update_acknowledgements')).toBe(1);
  });

  it('are killed on request; a kill of an unknown one is answered as a reconciliation', async () => {
    const { world, framework, agentId } = await running();
    framework.kill('t1', agentId);
    framework.kill('unknown.1');
    framework.kill('unknown.2', agentId);
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_KILLED']);
    expect(framework.states('unknown.1')).toEqual(['TASK_UNKNOWN']);
    expect(framework.states('unknown.2')).toEqual(['TASK_GONE']);
  });

  it('are killed when their agent is back, if the kill came while it was away', async () => {
    const { world, framework, member, agentId } = await running();
    member.agent.crash();
    await world.settle();
    framework.kill('t1', agentId);
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    member.agent.start();
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_KILLED']);
  });

  it('are killed as soon as the line of their agent goes on, if the kill came while it was broken', async () => {
    const { world, framework, member, agentId } = await running();
    member.line.cut();
    framework.kill('t1', agentId);
    await world.settle();
    expect(framework.states('t1').at(-1)).toBe('TASK_RUNNING');
    member.line.heal();
    await world.settle();
    expect(framework.states('t1').at(-1)).toBe('TASK_KILLED');
  });

  it('are reconciled all at once in slices, however many there are', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1', 'cpus:600;mem:60000');
    await world.settle();
    const tasks = Array.from({ length: 600 }, (_, n) => task(`t${n}`, agent.id ?? ''));
    framework.launch(framework.lastOffer, tasks, 3600);
    await world.settle();
    const before = framework.updates.length;
    framework.reconcile([]);
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((next) => setImmediate(next));
    const first = framework.updates.length - before;
    expect([first > 0, first < 300]).toEqual([true, true]);
    await world.settle();
    expect(new Set(framework.updates.slice(before).map(({ task_id }) => task_id.value)).size).toBe(600);
  });

  it('are reconciled with the words of a real master', async () => {
    const { world, framework, agentId } = await running();
    framework.reconcile([
      { taskId: 't1', agentId },
      { taskId: 'unknown.1' },
      { taskId: 'unknown.2', agentId },
      { taskId: 'unknown.3', agentId: 'nope-S9' },
    ]);
    framework.reconcile([]);
    await world.settle();
    const [known, unknown, gone, nowhere, implicit] = framework.updates.slice(-5);
    const recorded = {
      known: recordedEvents.reconciledRunning.update.status,
      unknown: recordedEvents.reconciledUnknown.update.status,
      gone: recordedEvents.reconciledGone.update.status,
    };
    expect(known).toMatchObject({
      state: 'TASK_RUNNING',
      message: recorded.known.message,
      reason: recorded.known.reason,
    });
    expect(keysOf(known ?? {})).toEqual(keysOf(recorded.known));
    expect(unknown).toMatchObject({ state: 'TASK_UNKNOWN', message: recorded.unknown.message });
    expect(keysOf(unknown ?? {})).toEqual(keysOf(recorded.unknown));
    expect(gone).toMatchObject({ state: 'TASK_GONE', message: recorded.gone.message });
    expect(nowhere?.state).toBe('TASK_UNKNOWN');
    expect(implicit).toMatchObject({
      task_id: { value: 't1' },
      message: 'Reconciliation: Latest task state',
    });
  });

  it('that the agent never got are dropped when it registers again', async () => {
    const { world, framework, member, agentId } = await running();
    framework.revive();
    await world.settle();
    // The agent's process dies before the launch has travelled: it is lost with the line.
    framework.launch(framework.lastOffer, [task('t2', agentId)]);
    member.agent.crash();
    await world.settle();
    expect(framework.states('t2')).toEqual([]);
    member.agent.start();
    await world.settle();
    expect(framework.lastUpdate('t2')?.source).toBe('SOURCE_AGENT');
    expect(framework.states('t2')).toEqual(['TASK_DROPPED']);
    expect(member.agent.liveTaskIds()).toEqual(['t1']);
  });
});

describe('an agent that cannot be heard', () => {
  it('gets no offers, loses those that are out, and nothing is concluded from a short silence', async () => {
    const { world, framework, member } = await running();
    framework.revive();
    await world.settle();
    const offer = framework.lastOffer;
    member.line.cut();
    await world.pass(PING_TIMEOUT_MS - 2_000);
    expect(framework.of('RESCIND').map(({ rescind }) => rescind.offer_id.value)).toEqual([offer.id.value]);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    member.line.heal();
    await world.pass(PING_TIMEOUT_MS);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    expect(world.master.agents()[0]?.link).toBe('connected');
  });

  it('is unreachable after the timeout, durably before anybody is told, and its tasks return with it', async () => {
    const { world, framework, member, agentId } = await running();
    member.line.cut();
    world.store.holdFlushes();
    await world.pass(PING_TIMEOUT_MS + 2_000);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    world.store.releaseFlushes();
    await world.settle();
    const lost = framework.lastUpdate('t1');
    const recorded = recordedEvents.unreachable.update.status;
    expect(lost).toMatchObject({ state: recorded.state, reason: recorded.reason, source: recorded.source });
    expect(keysOf(lost ?? {})).toEqual(keysOf(recorded));
    expect(framework.of('FAILURE').map(({ failure }) => failure.agent_id?.value)).toEqual([agentId]);
    framework.reconcile([{ taskId: 't1', agentId }]);
    await world.settle();
    expect(framework.lastUpdate('t1')).toMatchObject({
      state: 'TASK_UNREACHABLE',
      unreachable_time: lost?.unreachable_time,
    });

    member.line.heal();
    await world.settle();
    const back = framework.lastUpdate('t1');
    const recordedBack = recordedEvents.reregistered.update.status;
    expect(back).toMatchObject({
      state: 'TASK_RUNNING',
      reason: recordedBack.reason,
      message: recordedBack.message,
    });
    expect(back).not.toHaveProperty('uuid');
    expect(framework.states('t1')).toEqual([
      'TASK_RUNNING',
      'TASK_UNREACHABLE',
      'TASK_UNREACHABLE',
      'TASK_RUNNING',
    ]);
    expect(world.master.agents()).toHaveLength(1);
    expect(world.master.agents()[0]).toMatchObject({ id: agentId, link: 'connected', taskCount: 1 });
  });

  it('is TASK_LOST to a framework that does not know partitions', async () => {
    const world = await new World().start();
    const framework = await world.framework({ capabilities: [{ type: 'MULTI_ROLE' }] });
    const { agent, line } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '')]);
    await world.settle();
    line.cut();
    await world.pass(PING_TIMEOUT_MS + 2_000);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_LOST']);
  });

  it('whose host was rebooted is gone at once: its tasks are TASK_GONE and its id is refused for ever', async () => {
    const { world, framework, member, agentId } = await running();
    member.agent.reboot();
    member.agent.start();
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_GONE']);
    expect(member.agent.id).not.toBe(agentId);
    expect(world.master.bootId(member.agent.id ?? '')).toBe(member.agent.bootId);
    expect(world.master.agents().map(({ id }) => id)).toEqual([member.agent.id]);
    framework.reconcile([{ taskId: 't1', agentId }]);
    await world.settle();
    expect(framework.lastUpdate('t1')?.state).toBe('TASK_GONE_BY_OPERATOR');
  });

  it('that said goodbye while a task of it was still open is taken for silent: the task is given up', async () => {
    const { world, framework, member } = await running();
    member.agent.unregister();
    await world.settle();
    member.agent.crash();
    await world.pass(2 * PING_TIMEOUT_MS);
    expect(framework.states('t1').at(-1)).toBe('TASK_UNREACHABLE');
  });

  it('that said goodbye is not waited for and keeps its id', async () => {
    const { world, framework, member, agentId } = await running();
    member.agent.shutDown();
    await world.settle();
    member.agent.crash();
    await world.pass(10 * PING_TIMEOUT_MS);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_KILLED']);
    expect(framework.of('FAILURE')).toHaveLength(0);
    expect(world.master.agents()[0]?.link).toBe('shut-down');
    framework.revive();
    await world.settle();
    const offers = framework.offers.length;
    member.agent.start();
    await world.settle();
    expect(member.agent.id).toBe(agentId);
    expect(framework.offers.length).toBe(offers + 1);
  });
});

describe('a restart of the master', () => {
  it('keeps tasks: agents and frameworks come back under their ids, updates that nobody saw arrive', async () => {
    const { world, framework, member, agentId } = await running();
    await world.restartMaster();
    expect(member.agent.id).toBe(agentId);
    member.agent.endTask('t1');
    await world.settle();
    const again = await world.framework({ id: { value: framework.id ?? '' } });
    expect(again.id).toBe(framework.id);
    expect(again.states('t1')).toEqual(['TASK_FAILED']);
    expect(member.agent.taskCount).toBe(0);
    expect(again.offers).toHaveLength(1);
  });

  it('gives no answer about agents that are not back, until they are or their time is over', async () => {
    const { world, framework, member, agentId } = await running();
    member.line.cut();
    await world.restartMaster();
    const again = await world.framework({ id: { value: framework.id ?? '' } });
    again.reconcile([{ taskId: 't1', agentId }, { taskId: 'unknown' }]);
    await world.pass(REREGISTER_TIMEOUT_MS - 5_000);
    expect(again.updates).toEqual([]);
    expect(world.master.agents()[0]?.link).toBe('recovered');
    await world.pass(10_000);
    expect(again.of('FAILURE')).toHaveLength(1);
    again.reconcile([{ taskId: 't1', agentId }, { taskId: 'unknown' }]);
    await world.settle();
    expect(again.updates.map(({ state }) => state)).toEqual(['TASK_UNREACHABLE', 'TASK_UNKNOWN']);
    member.line.heal();
    await world.settle();
    expect(again.lastUpdate('t1')).toMatchObject({
      state: 'TASK_RUNNING',
      reason: 'REASON_AGENT_REREGISTERED',
    });
  });

  it('answers for returned agents from what they report', async () => {
    const { world, framework, agentId } = await running();
    await world.restartMaster();
    const again = await world.framework({ id: { value: framework.id ?? '' } });
    again.reconcile([
      { taskId: 't1', agentId },
      { taskId: 't2', agentId },
    ]);
    await world.settle();
    expect(again.states('t1')).toEqual(['TASK_RUNNING']);
    expect(again.states('t2')).toEqual(['TASK_GONE']);
  });

  it('does not forget who is unreachable', async () => {
    const { world, framework, member, agentId } = await running();
    member.line.cut();
    await world.pass(PING_TIMEOUT_MS + 2_000);
    await world.restartMaster();
    const again = await world.framework({ id: { value: framework.id ?? '' } });
    again.reconcile([{ taskId: 't1', agentId }]);
    await world.settle();
    expect(again.states('t1')).toEqual(['TASK_UNREACHABLE']);
  });

  it('lets no agent believe in a registration that is not durable', async () => {
    const world = await new World().start();
    world.store.holdFlushes();
    const { agent } = world.agent('a1');
    await world.pass(5_000);
    expect(agent.isRegistered).toBe(false);
    world.store.releaseFlushes();
    await world.settle();
    expect(agent.isRegistered).toBe(true);
  });
});
