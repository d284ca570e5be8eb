import type { AppId, AppRecord } from '../../src/apps/app.js';
import { Master } from '../../src/embedded-mesos/master/master.js';
import type { FromAgent, ToAgent } from '../../src/embedded-mesos/protocol/agent-line.js';
import { silentLog } from '../../src/logging/log.js';
import { SchedulerService } from '../../src/scheduler/scheduler-service.js';
import { SimAgent } from '../../src/simulation/sim-agent.js';
import { SimLine } from '../../src/simulation/sim-line.js';
import { SeededDice } from '../../src/util/ids.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { FakeStore } from './support/fake-store.js';
import { appRecord, FakeDrainer } from './support/world.js';

const clock = new VirtualClock();
const dice = new SeededDice(7);
const apps = new Map<AppId, AppRecord>();

async function server(store: FakeStore): Promise<{ master: Master; scheduler: SchedulerService }> {
  const common = { store, clock, dice, log: silentLog };
  const master = new Master({
    ...common,
    epoch: 1,
    agentPingTimeoutMs: 75_000,
    agentReregisterTimeoutMs: 60_000,
    hostname: 'm',
    port: 5050,
  });
  await master.start();
  const scheduler = new SchedulerService({
    ...common,
    epoch: 1,
    apps,
    driver: master.driver(),
    drainer: new FakeDrainer(),
    events: {
      publish: () => undefined,
      position: () => '',
      after: () => undefined,
      subscribe: () => () => undefined,
    },
    settings: { agentReregisterTimeoutSeconds: 60, frameworkName: 'longrun', hostname: 'h' },
  });
  await scheduler.start();
  return { master, scheduler };
}

describe('with the embedded master', () => {
  it('launches, kills, survives a restart of the server with its agent away, and replaces after a partition', async () => {
    const record = appRecord('/web', { portDefinitions: [{ port: 10000, protocol: 'tcp' }] });
    apps.set(record.app.id, record);
    const store = new FakeStore();
    let { master, scheduler } = await server(store);
    const line = new SimLine<FromAgent, ToAgent>({ clock, accept: (end) => master.acceptLine(end) });
    const agent = new SimAgent({
      hostname: 'h1',
      clock,
      dice,
      dial: (handlers) => line.dial(handlers),
      launchDelayMs: 5,
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 8 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 4096 } },
        { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31999 }] } },
      ],
    });
    agent.start();
    await clock.advanceAsync(100);
    const conditions = (): string[] => scheduler.instances.ofApp(record.app.id).map((each) => each.condition);
    await scheduler.want(record.app.id, { start: 3, stop: [], reason: 'surplus' });
    await clock.advanceAsync(200);
    expect(conditions()).toEqual(['Running', 'Running', 'Running']);

    const [victim] = scheduler.instances.ofApp(record.app.id);
    await scheduler.kill(victim ? [victim.id] : [], { decommission: false, wipe: false });
    await clock.advanceAsync(2_000);
    expect(conditions()).toEqual(['Running', 'Running', 'Running']);
    expect(scheduler.instances.get(victim?.id ?? ('' as never))?.incarnation).toBe(2);

    await scheduler.stop();
    await master.stop();
    line.cut();
    ({ master, scheduler } = await server(store));
    await clock.advanceAsync(20_000);
    expect(scheduler.settling).toBe(true);
    expect(conditions()).toEqual(['Running', 'Running', 'Running']);
    line.heal();
    line.restartServer((end) => master.acceptLine(end));
    await clock.advanceAsync(5_000);
    expect(scheduler.settling).toBe(false);
    expect(conditions()).toEqual(['Running', 'Running', 'Running']);

    line.cut();
    await clock.advanceAsync(80_000);
    expect(conditions()).toEqual(['Scheduled', 'Scheduled', 'Scheduled']);
    line.heal();
    await clock.advanceAsync(60_000);
    expect(conditions()).toEqual(['Running', 'Running', 'Running']);
    await scheduler.stop();
    await master.stop();
    agent.crash();
  });

  it('launches apps of a group’s role beside those of the default one, and goes on with both after a restart', async () => {
    const ports = { portDefinitions: [{ port: 10000, protocol: 'tcp' as const }] };
    const [web, shop] = [appRecord('/plain', ports), appRecord('/shop/web', { ...ports, role: 'shop' })];
    for (const record of [web, shop]) apps.set(record.app.id, record);
    const store = new FakeStore();
    let { master, scheduler } = await server(store);
    const line = new SimLine<FromAgent, ToAgent>({ clock, accept: (end) => master.acceptLine(end) });
    const agent = new SimAgent({
      hostname: 'h1',
      clock,
      dice,
      dial: (handlers) => line.dial(handlers),
      launchDelayMs: 5,
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 12 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 4096 } },
        { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31999 }] } },
      ],
    });
    agent.start();
    await clock.advanceAsync(100);
    const start = (record: AppRecord, count: number) =>
      scheduler.want(record.app.id, { start: count, stop: [], reason: 'surplus' });
    const running = (record: AppRecord): readonly string[] =>
      scheduler.instances.ofApp(record.app.id).map(({ condition, role }) => `${role} ${condition}`);
    const times = (count: number, text: string): readonly string[] => Array(count).fill(text);

    // The default role has nothing to launch and is suppressed when the other comes, and the other way about.
    for (const round of [1, 2]) {
      for (const record of [web, shop]) {
        await start(record, 1);
        await clock.advanceAsync(300);
      }
      expect([running(web), running(shop)]).toEqual([
        times(round, '* Running'),
        times(round, 'shop Running'),
      ]);
    }
    await Promise.all([start(web, 2), start(shop, 2)]);
    await clock.advanceAsync(300);
    expect([running(web), running(shop)]).toEqual([times(4, '* Running'), times(4, 'shop Running')]);

    await scheduler.stop();
    await master.stop();
    line.cut();
    ({ master, scheduler } = await server(store));
    line.heal();
    line.restartServer((end) => master.acceptLine(end));
    await clock.advanceAsync(5_000);
    expect([running(web), running(shop)]).toEqual([times(4, '* Running'), times(4, 'shop Running')]);
    await start(shop, 1);
    await clock.advanceAsync(300);
    expect(running(shop)).toEqual(times(5, 'shop Running'));
    await scheduler.stop();
    await master.stop();
    agent.crash();
  });
});
