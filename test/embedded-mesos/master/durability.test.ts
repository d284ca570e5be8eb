import { Registrar, type RegistryRecord } from '../../../src/embedded-mesos/master/registrar.js';
import { silentLog } from '../../../src/logging/log.js';
import { MemoryStore } from '../../../src/store/memory-store.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { PING_TIMEOUT_MS, REREGISTER_TIMEOUT_MS, task, World } from './world.js';

const record: RegistryRecord = {
  format: 1,
  standing: 'admitted',
  info: { hostname: 'h', port: 1, resources: [] },
  bootId: 'b',
  version: '1',
  registeredAtMs: 0,
  sinceMs: 0,
};

describe('the registry', () => {
  it('joins what is asked for while a write is under way into one batch', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock, log: silentLog });
    await store.open();
    store.holdFlushes();
    const registrar = new Registrar(store, 1, clock, silentLog);
    const before = store.flushes;
    const writes = Array.from({ length: 50 }, (_, i) => registrar.apply([{ agentId: `a${i}`, record }]));
    store.releaseFlushes();
    await Promise.all(writes);
    expect(store.flushes - before).toBeLessThanOrEqual(2);
    expect(await registrar.load()).toHaveLength(50);
  });

  it('waits out a full disk and loses nothing', async () => {
    const world = await new World().start();
    world.store.setDiskFull(true);
    const { agent } = world.agent('a1');
    await world.pass(5_000);
    expect(agent.isRegistered).toBe(false);
    world.store.setDiskFull(false);
    await world.pass(5_000);
    expect(agent.isRegistered).toBe(true);
    expect(world.master.agents()).toHaveLength(1);
  });

  it('gives up when another leader has taken over', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock, log: silentLog });
    await store.open();
    await store.commit({ epoch: 5, writes: [{ op: 'put', key: 'meta!x', value: 1 }] });
    const registrar = new Registrar(store, 4, clock, silentLog);
    await expect(registrar.apply([{ agentId: 'a', record }])).rejects.toMatchObject({ code: 'stale-epoch' });
  });

  it('writes nothing when an agent that it knows comes back unchanged', async () => {
    const world = await new World().start();
    const { agent } = world.agent('a1');
    await world.settle();
    const before = world.store.flushes;
    agent.crash();
    agent.start();
    await world.settle();
    expect(agent.isRegistered).toBe(true);
    expect(world.store.flushes).toBe(before);
  });

  it('has an agent that returns while it is being marked unreachable end up as admitted', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent, line } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '')]);
    await world.settle();
    agent.crash();
    world.store.holdFlushes();
    await world.pass(PING_TIMEOUT_MS + 2_000);
    agent.start();
    line.heal();
    await world.settle();
    expect(agent.isRegistered).toBe(false);
    world.store.releaseFlushes();
    await world.settle();
    expect(agent.isRegistered).toBe(true);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING', 'TASK_UNREACHABLE', 'TASK_RUNNING']);
    await world.restartMaster();
    expect(world.master.agents().map(({ id, link }) => [id, link])).toEqual([[agent.id, 'connected']]);
  });

  it('keeps a goodbye: after a restart the agent is not waited for', async () => {
    const world = await new World().start();
    const { agent } = world.agent('a1');
    await world.settle();
    agent.shutDown();
    await world.settle();
    agent.crash();
    await world.settle();
    await world.restartMaster();
    expect(world.master.agents()[0]?.link).toBe('shut-down');
    await world.pass(REREGISTER_TIMEOUT_MS * 2);
    expect(world.master.agents()[0]?.link).toBe('shut-down');
  });

  it('declares nobody unreachable because this process was stopped for a while', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent, line } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '')]);
    await world.settle();
    line.cut();
    await world.pass(1_500);
    // SIGSTOP for ten minutes: the clock goes on, no timer of ours fires until the end, and then once.
    const asleep = jest.spyOn(world.clock, 'monotonicMs');
    const real = world.clock.monotonicMs();
    asleep.mockImplementation(() => real + 600_000);
    await world.pass(1_000);
    asleep.mockRestore();
    line.heal();
    await world.pass(2_000);
    expect(framework.states('t1')).toEqual(['TASK_RUNNING']);
    expect(world.master.agents()[0]?.link).toBe('connected');
  });
});
