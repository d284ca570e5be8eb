import { isDeepStrictEqual } from 'node:util';
import type { AppId, AppRecord } from '../../../src/apps/app.js';
import { checkPutBack } from '../../../src/apps/decide/put-back.js';
import { AppRegistryImpl } from '../../../src/apps/registry.js';
import type { Accepted, AcceptOptions } from '../../../src/deployments/deployment.js';
import { DeploymentService } from '../../../src/deployments/deployment-service.js';
import type { EventBody, EventBus } from '../../../src/events/event-bus.js';
import { silentLog } from '../../../src/logging/log.js';
import { selectVictims } from '../../../src/scheduler/decide/victims.js';
import { MemoryDisk, type MemoryFlush, MemoryStore } from '../../../src/store/memory-store.js';
import { SeededDice } from '../../../src/util/ids.js';
import { type Timestamp, VersionSource } from '../../../src/util/timestamp.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { recordOf, type Wish } from './builders.js';
import { SimulatedScheduler } from './simulated-scheduler.js';

export interface WorldOptions {
  readonly disk?: MemoryDisk;
  readonly fate?: (flush: MemoryFlush) => 'proceed' | 'hold';
  readonly maxRunningDeployments?: number;
  readonly maxQueuedChanges?: number;
  readonly seed?: number;
  readonly newGroupsEnforceRole?: boolean;
  /** When the process starts, on the wall clock: later than the one before it. */
  readonly wallMs?: number;
}

/** The deployments with everything around them, without a process or a socket. */
export class World {
  readonly clock: VirtualClock;
  readonly disk: MemoryDisk;
  readonly store: MemoryStore;
  readonly registry: AppRegistryImpl;
  readonly scheduler: SimulatedScheduler;
  readonly service: DeploymentService;
  readonly events: EventBody[] = [];
  readonly readinessWanted = new Set<AppId>();

  constructor(options: WorldOptions = {}) {
    this.clock = new VirtualClock(options.wallMs);
    this.disk = options.disk ?? new MemoryDisk();
    const { fate } = options;
    this.store = new MemoryStore({
      clock: this.clock,
      log: silentLog,
      disk: this.disk,
      ...(fate ? { fate } : {}),
    });
    this.registry = new AppRegistryImpl({
      store: this.store,
      servicePorts: { min: 10_000, max: 20_000 },
      log: silentLog,
      newGroupsEnforceRole: options.newGroupsEnforceRole ?? false,
    });
    this.scheduler = new SimulatedScheduler(this.store, this.registry);
    const bus: EventBus = {
      publish: (body) => this.events.push(body),
      position: () => '1-1',
      after: () => undefined,
      subscribe: () => () => undefined,
    };
    this.service = new DeploymentService({
      store: this.store,
      epoch: 1,
      registry: this.registry,
      scheduler: this.scheduler,
      readiness: {
        readiness: () => [],
        setReadinessWanted: (appId, wanted) => {
          if (wanted) this.readinessWanted.add(appId);
          else this.readinessWanted.delete(appId);
        },
        onChange: () => () => undefined,
      },
      selectVictims: (app, instances, count) => selectVictims({ app, instances, count }),
      checkPutBack: (apps, groups) => checkPutBack(apps, groups, this.registry.prospect),
      events: bus,
      versions: new VersionSource(() => this.clock.wallMs()),
      clock: this.clock,
      dice: new SeededDice(options.seed ?? 1),
      log: silentLog,
      settings: {
        maxRunningDeployments: options.maxRunningDeployments ?? 10_000,
        maxQueuedChanges: options.maxQueuedChanges ?? 10_000,
      },
    });
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.store.open();
    await world.registry.load();
    await world.scheduler.load();
    await world.service.start();
    await world.settle();
    return world;
  }

  /** The process dies; another one starts on what is durable. */
  async crash(inFlight: 'lost' | 'kept' = 'lost', options: WorldOptions = {}): Promise<World> {
    const disk = this.store.crash(inFlight);
    // What is under way never ends: a dead process gets no answers.
    void this.service.stop();
    return World.start({
      disk,
      wallMs: this.clock.wallMs() + 1_000,
      seed: 1_000 + Math.floor(this.clock.wallMs() % 997),
      ...options,
    });
  }

  /** Changes apps in one deployment; undefined deletes. */
  change(
    wishes: Readonly<Record<string, Wish | undefined>>,
    options: AcceptOptions = { force: false },
  ): Promise<Accepted> {
    return this.service.change(
      (version: Timestamp) =>
        Object.entries(wishes).map(([id, wish]) => {
          const before = this.registry.prospect.get(id as AppId);
          const after = wish && recordOf(id, { ...wish, version });
          return { appId: id as AppId, after: sameButVersion(before, after) ? before : after };
        }),
      options,
    );
  }

  record(id: string): AppRecord | undefined {
    return this.registry.get(id as AppId);
  }

  /** Lets everything that is under way and needs no time come to its end. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await new Promise<void>((next) => setImmediate(next));
  }

  /** Launches run, health comes, leaving ones go, until nothing moves any more. */
  async calm(healthy: Parameters<SimulatedScheduler['settle']>[0]['healthy'] = () => true): Promise<void> {
    for (let round = 0; round < 500; round++) {
      await this.settle();
      const happened = this.scheduler.settle({ healthy });
      await this.clock.advanceAsync(300);
      if (!happened && this.clock.untilNext() !== 0) return;
    }
    throw new Error('the world does not come to rest');
  }

  instances(id: string): string[] {
    return this.scheduler.instances
      .ofApp(id as AppId)
      .map(
        (each) =>
          `${each.id} ${each.goal === 'Running' ? each.condition : 'leaving'} ${each.launchHash.slice(5)}`,
      );
  }

  eventTypes(): string[] {
    return this.events.map(({ eventType }) => eventType);
  }
}

/** As the apps room does it: what changes nothing gets no new version. */
function sameButVersion(a: AppRecord | undefined, b: AppRecord | undefined): boolean {
  if (!a || !b) return a === b;
  return isDeepStrictEqual(b, {
    ...a,
    app: { ...a.app, version: b.app.version, versionInfo: b.app.versionInfo },
  });
}
