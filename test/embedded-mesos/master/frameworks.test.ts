import { type EventSink, MAX_COMPLETED_FRAMEWORKS } from '../../../src/embedded-mesos/master/cluster.js';
import { HEARTBEAT_SECONDS } from '../../../src/embedded-mesos/master/framework-desk.js';
import { InProcessDriver, MAX_WAITING_EVENTS } from '../../../src/embedded-mesos/master/in-process-driver.js';
import { Ring } from '../../../src/embedded-mesos/master/ring.js';
import type { FrameworkInfo } from '../../../src/embedded-mesos/protocol/v1.js';
import { silentLog } from '../../../src/logging/log.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { task, World } from './world.js';

describe('frameworks of the embedded master', () => {
  it('hear a heartbeat at once and then every 15 seconds', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    await world.pass(60_000);
    expect(framework.of('HEARTBEAT')).toHaveLength(1 + 60 / HEARTBEAT_SECONDS);
  });

  it.each<[string, Partial<FrameworkInfo>, string]>([
    ['a role with a blank', { roles: ['a b'] }, 'blank'],
    ['the same role twice', { roles: ['a', 'a'] }, 'duplicate'],
    ['a role and MULTI_ROLE', { role: 'a' }, "'FrameworkInfo.role' must not be set"],
    ['roles without MULTI_ROLE', { capabilities: [] }, "'FrameworkInfo.roles' must not be set"],
    ['an endless failover timeout', { failover_timeout: Number.POSITIVE_INFINITY }, 'failover_timeout'],
    ['an id with a slash', { id: { value: 'a/b' } }, 'invalid characters'],
  ])('are refused with %s, by an ERROR event and the end of the line', async (_, info, words) => {
    const world = await new World().start();
    const framework = await world.framework(info);
    expect(framework.events.map(({ type }) => type)).toEqual(['ERROR']);
    expect(framework.of('ERROR')[0]?.error.message).toContain(words);
    expect(framework.disconnections).toBe(1);
  });

  it('may subscribe under an id that this master has never seen', async () => {
    const world = await new World().start();
    const framework = await world.framework({ id: { value: 'of-an-older-master-0000' } });
    expect(framework.of('SUBSCRIBED')[0]?.subscribed.framework_id.value).toBe('of-an-older-master-0000');
  });

  it('fail over: the newest line wins, the old one is told, offers are void without a RESCIND', async () => {
    const world = await new World().start();
    const old = await world.framework();
    world.agent('a1');
    await world.settle();
    const next = await world.framework({ id: { value: old.id ?? '' } });
    expect(old.events.at(-1)).toEqual({ type: 'ERROR', error: { message: 'Framework failed over' } });
    expect(old.disconnections).toBe(1);
    expect(old.of('RESCIND')).toEqual([]);
    expect(next.offers).toHaveLength(1);
    old.launch(old.lastOffer, [task('t1', 'x')]);
    await world.settle();
    expect(old.updates).toEqual([]);
    expect(world.master.offersOutstanding).toBe(1);
  });

  it('keep their tasks through a disconnection within the failover timeout', async () => {
    const world = await new World().start();
    const framework = await world.framework({ failover_timeout: 600 });
    const { agent } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '')]);
    await world.settle();
    framework.driver.stop();
    await world.pass(599_000);
    expect(agent.liveTaskIds()).toEqual(['t1']);
    agent.endTask('t1', 'TASK_FINISHED');
    const heard = framework.events.length;
    await world.settle();
    expect(framework.events).toHaveLength(heard);
    framework.subscribe();
    await world.settle();
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_FINISHED']);
  });

  it('are removed after the failover timeout: their tasks are killed and their id cannot return', async () => {
    const world = await new World().start();
    const framework = await world.framework({ failover_timeout: 600 });
    const { agent } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '')]);
    await world.settle();
    framework.driver.stop();
    await world.pass(601_000);
    expect(agent.taskCount).toBe(0);
    expect(world.master.agents()[0]).toMatchObject({ taskCount: 0, used: [], offered: [] });
    const back = await world.framework({ id: { value: framework.id ?? '' } });
    expect(back.of('ERROR')[0]?.error.message).toBe('Framework has been removed');
  });

  it('wait out a failover timeout longer than any timer', async () => {
    const world = await new World().start();
    const framework = await world.framework({ failover_timeout: 30 * 24 * 3600 });
    framework.driver.stop();
    world.clock.advance(29 * 24 * 3_600_000);
    const back = await world.framework({ id: { value: framework.id ?? '' } });
    expect(back.of('ERROR')).toEqual([]);
  });

  it('end with a teardown: tasks on agents that are away are killed at their return', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const near = world.agent('near');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', near.agent.id ?? '')]);
    await world.settle();
    near.agent.crash();
    await world.settle();
    framework.call({ type: 'TEARDOWN', framework_id: framework.framework_id });
    await world.settle();
    expect(framework.disconnections).toBe(1);
    near.agent.start();
    await world.settle();
    expect(near.agent.taskCount).toBe(0);
    expect(world.master.agents()[0]).toMatchObject({ used: [], taskCount: 0 });
  });

  it('change their roles: offers of a lost role are rescinded, a new role is offered', async () => {
    const world = await new World().start();
    const framework = await world.framework({ roles: ['old'] });
    world.agent('a1');
    await world.settle();
    const info: FrameworkInfo = {
      user: 'root',
      name: 'test',
      id: framework.framework_id,
      checkpoint: true,
      roles: ['new'],
      failover_timeout: 1,
      capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }],
    };
    framework.call({
      type: 'UPDATE_FRAMEWORK',
      framework_id: framework.framework_id,
      update_framework: { framework_info: info },
    });
    await world.settle();
    expect(framework.of('RESCIND')).toHaveLength(1);
    expect(framework.lastOffer.allocation_info?.role).toBe('new');
  });

  it('cannot speak for another framework', async () => {
    const world = await new World().start();
    const one = await world.framework({ name: 'one' });
    const two = await world.framework({ name: 'two' });
    two.call({ type: 'TEARDOWN', framework_id: one.framework_id });
    await world.settle();
    expect(one.disconnections).toBe(0);
    expect(world.master.cluster.frameworks.size).toBe(2);
  });

  it('may suppress roles from the first moment', async () => {
    const world = await new World().start();
    world.agent('a1');
    await world.settle();
    const framework = await world.framework();
    framework.driver.stop();
    framework.events.length = 0;
    framework.subscribe(['*']);
    await world.settle();
    expect(framework.offers).toEqual([]);
    framework.revive();
    await world.settle();
    expect(framework.offers).toHaveLength(1);
  });

  it('hear events one at a time, in order, and never while they are calling', async () => {
    const world = await new World().start();
    const driver = world.master.driver();
    let isCalling = false;
    const heard: string[] = [];
    driver.start({
      onEvent: (event) => {
        expect(isCalling).toBe(false);
        heard.push(event.type);
      },
      onDisconnected: () => undefined,
    });
    isCalling = true;
    driver.call({
      type: 'SUBSCRIBE',
      subscribe: {
        framework_info: { user: '', name: 'strict', roles: ['*'], capabilities: [{ type: 'MULTI_ROLE' }] },
      },
    });
    expect(heard).toEqual([]);
    isCalling = false;
    await world.settle();
    expect(heard).toEqual(['SUBSCRIBED', 'HEARTBEAT']);
  });

  it('and agents that come before the master has started are served when it has', async () => {
    const world = new World();
    await world.store.open();
    const framework = await world.framework();
    world.agent('a1');
    await world.settle();
    expect(framework.events).toEqual([]);
    await world.master.start();
    await world.settle();
    expect(framework.offers).toHaveLength(1);
  });

  it('are disconnected when they fall too far behind', async () => {
    const clock = new VirtualClock();
    const sinks: EventSink[] = [];
    const gone: EventSink[] = [];
    const receiver = {
      handle: (sink: EventSink) => void sinks.push(sink),
      disconnected: (sink: EventSink) => void gone.push(sink),
    };
    const driver = new InProcessDriver(receiver, clock, silentLog);
    let heard = 0;
    let disconnections = 0;
    driver.start({ onEvent: () => void heard++, onDisconnected: () => void disconnections++ });
    driver.call({ type: 'TEARDOWN', framework_id: { value: 'x' } });
    for (let i = 0; i < MAX_WAITING_EVENTS; i++) sinks[0]?.send({ type: 'HEARTBEAT' });
    expect(gone).toEqual([]);
    sinks[0]?.send({ type: 'HEARTBEAT' });
    await clock.advanceAsync(10);
    expect(gone[0]).toBe(sinks[0]);
    expect([heard, disconnections]).toEqual([0, 1]);
    driver.call({ type: 'TEARDOWN', framework_id: { value: 'x' } });
    expect(sinks).toHaveLength(1);
  });

  it('hear nothing after the master stopped', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    world.agent('a1');
    world.master.stop();
    await world.pass(100_000);
    expect(framework.offers).toEqual([]);
    expect(framework.of('HEARTBEAT')).toHaveLength(1);
    expect(framework.disconnections).toBe(1);
  });

  it('are remembered after their end, but not without bound', async () => {
    const world = await new World().start();
    for (let i = 0; i < MAX_COMPLETED_FRAMEWORKS + 5; i++) {
      const framework = await world.framework({ name: `f${i}` });
      framework.call({ type: 'TEARDOWN', framework_id: framework.framework_id });
    }
    await world.settle();
    expect(world.master.cluster.completedFrameworks.size).toBe(MAX_COMPLETED_FRAMEWORKS);
    const ring = new Ring<number>(3);
    for (let i = 0; i < 100; i++) ring.push(i);
    expect([...ring]).toEqual([97, 98, 99]);
  });
});
