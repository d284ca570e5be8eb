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
});
