import type { App, AppId, AppRecord } from '../../../src/apps/app.js';
import type { EventBody, EventBus } from '../../../src/events/event-bus.js';
import { silentLog } from '../../../src/logging/log.js';
import type { Instance, InstanceId } from '../../../src/scheduler/instance.js';
import type { Drainer, TaskMemory } from '../../../src/scheduler/scheduler.js';
import { SchedulerService } from '../../../src/scheduler/scheduler-service.js';
import type { SchedulerSettings } from '../../../src/scheduler/scheduler-settings.js';
import { SeededDice } from '../../../src/util/ids.js';
import { timestamp } from '../../../src/util/timestamp.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { FakeMaster } from './fake-master.js';
import { FakeStore } from './fake-store.js';

const version = timestamp(Date.UTC(2026, 0, 1));

/** An app with sensible values for everything a test does not care about. */
export function appRecord(id: string, more: Partial<App> = {}, launchHash = 'hash-1'): AppRecord {
  return {
    launchHash,
    explicitPorts: false,
    app: {
      id: id as AppId,
      cmd: 'run',
      env: {},
      instances: 1,
      cpus: 1,
      mem: 64,
      disk: 0,
      gpus: 0,
      executor: '',
      constraints: [],
      role: '*',
      networks: [{ mode: 'host' }],
      portDefinitions: [],
      requirePorts: false,
      healthChecks: [],
      readinessChecks: [],
      backoffSeconds: 1,
      backoffFactor: 2,
      maxLaunchDelaySeconds: 300,
      dependencies: [],
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
      unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
      killSelection: 'YOUNGEST_FIRST',
      labels: {},
      version,
      versionInfo: { lastScalingAt: version, lastConfigChangeAt: version },
      ...more,
    },
  };
}

export class FakeDrainer implements Drainer {
  readonly drains: { readonly instance: Instance; readonly aborted: AbortSignal; end(): void }[] = [];
  readonly resting = new Set<number>();
  /** Drains end by themselves. */
  automatic = true;

  drain(instance: Instance, aborted: AbortSignal): Promise<{ inFlight: number; waitedMs: number }> {
    return new Promise((resolve) => {
      const end = (): void => resolve({ inFlight: 0, waitedMs: 0 });
      this.drains.push({ instance, aborted, end });
      if (this.automatic) end();
    });
  }

  portResting(_agentId: string, port: number): boolean {
    return this.resting.has(port);
  }
}

class Recorder implements EventBus {
  readonly bodies: EventBody[] = [];
  publish(body: EventBody): void {
    this.bodies.push(body);
  }
  position(): string {
    return `1-${this.bodies.length}`;
  }
  after(): undefined {
    return undefined;
  }
  subscribe(): () => void {
    return () => undefined;
  }
}

/** A scheduler in its world: virtual time, a master that watches invariants, a store that can fail. */
export class World {
  readonly clock = new VirtualClock();
  readonly apps = new Map<AppId, AppRecord>();
  /** Apps that are stored but cannot be read. */
  readonly setAside = new Set<AppId>();
  readonly events = new Recorder();
  readonly drainer = new FakeDrainer();
  readonly master = new FakeMaster();
  store: FakeStore;
  scheduler: SchedulerService;
  #dice: SeededDice;

  constructor(
    readonly settings: Partial<SchedulerSettings> = {},
    seed = 1,
    private readonly memoryOn?: (store: FakeStore) => TaskMemory,
  ) {
    this.store = new FakeStore();
    this.#dice = new SeededDice(seed);
    this.scheduler = this.#make();
  }

  #make(): SchedulerService {
    return new SchedulerService({
      store: this.store,
      epoch: 1,
      apps: { get: (appId) => this.apps.get(appId), isSetAside: (appId) => this.setAside.has(appId) },
      driver: this.master,
      drainer: this.drainer,
      events: this.events,
      clock: this.clock,
      dice: this.#dice,
      log: silentLog,
      ...(this.memoryOn && { memory: this.memoryOn(this.store) }),
      settings: {
        agentReregisterTimeoutSeconds: 60,
        frameworkName: 'longrun',
        hostname: 'here',
        ...this.settings,
      },
    });
  }

  async start(): Promise<this> {
    await this.scheduler.start();
    await this.settle();
    return this;
  }

  /** The process dies as it is: what was not durable is lost; a new one starts on what was. */
  async crash(corrupt: readonly string[] = []): Promise<void> {
    this.master.detach();
    this.store.crashAtCommit = 0;
    const dead = this.scheduler;
    this.store = new FakeStore(this.store.records);
    for (const key of corrupt) this.store.corrupt.add(key);
    this.scheduler = this.#make();
    void dead.stop();
    await this.settle();
  }

  app(id: string, more: Partial<App> = {}, hash?: string): AppRecord {
    const record = appRecord(id, more, hash);
    this.apps.set(record.app.id, record);
    return record;
  }

  start1(id: string, count: number): Promise<void> {
    return this.scheduler.want(id as AppId, { start: count, stop: [], reason: 'surplus' });
  }

  async run(id: string, count: number): Promise<readonly Instance[]> {
    const done = this.start1(id, count);
    await this.settle();
    await done;
    await this.settle();
    return this.of(id);
  }

  async stop1(id: string, ids: readonly InstanceId[]): Promise<void> {
    const done = this.scheduler.want(id as AppId, { start: 0, stop: ids, reason: 'scale down' });
    await this.settle();
    await done;
    await this.settle();
  }

  of(id: string): readonly Instance[] {
    return this.scheduler.instances.ofApp(id as AppId);
  }

  conditions(id: string): string[] {
    return this.of(id)
      .map((each) => each.condition)
      .sort();
  }

  stored(): Map<string, Instance> {
    const found = new Map<string, Instance>();
    for (const [key, text] of this.store.records) {
      if (key.startsWith('instance!')) found.set(key.slice('instance!'.length), JSON.parse(text) as Instance);
    }
    return found;
  }

  callTypes(): string[] {
    return this.master.calls.map((call) => call.type);
  }

  /** Lets everything that needs no time happen. */
  settle(): Promise<void> {
    return this.clock.advanceAsync(0);
  }

  tick(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms);
  }
}
