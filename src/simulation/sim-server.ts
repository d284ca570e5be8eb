import { AppChanges, type AppChangesDependencies } from '../apps/app-changes.js';
import { checkPutBack } from '../apps/decide/put-back.js';
import { AppRegistryImpl } from '../apps/registry.js';
import { DeploymentService } from '../deployments/deployment-service.js';
import { Master } from '../embedded-mesos/master/master.js';
import type { SchedulerDriver } from '../embedded-mesos/protocol/v1.js';
import { EventBuffer } from '../events/event-buffer.js';
import type { PublishedEvent } from '../events/event-bus.js';
import type { ProbeTarget } from '../health/health.js';
import { HealthService } from '../health/health-service.js';
import type { Log } from '../logging/log.js';
import { ProxyControl, type ProxyMemory } from '../proxy/control.js';
import { selectVictims } from '../scheduler/decide/victims.js';
import type { Drainer, InstanceChange } from '../scheduler/scheduler.js';
import { SchedulerService } from '../scheduler/scheduler-service.js';
import { type MemoryFlush, MemoryStore } from '../store/memory-store.js';
import { keys } from '../store/state-store.js';
import type { Dice } from '../util/ids.js';
import { VersionSource } from '../util/timestamp.js';
import type { ProcessClock } from './process-clock.js';
import type { RecordingDisk } from './recording-disk.js';
import { SimProber } from './sim-prober.js';

export interface SimServerSettings {
  readonly agentPingTimeoutSeconds: number;
  readonly agentReregisterTimeoutSeconds: number;
  /** How long a flush of the store takes. */
  readonly flushMs: number;
}

export interface SimServerOptions {
  readonly clock: ProcessClock;
  readonly dice: Dice;
  readonly disk: RecordingDisk;
  readonly log: Log;
  readonly contract: AppChangesDependencies['contract'];
  /** The file in which the server remembers its proxies; survives it. */
  readonly proxyMemory: ProxyMemory;
  readonly settings: SimServerSettings;
  /** Asked before each flush: `hold` keeps it under way. */
  readonly fate: (flush: MemoryFlush) => 'proceed' | 'hold';
  readonly answer: (target: ProbeTarget) => string | undefined;
  /** Puts itself between scheduler and master. */
  readonly watchDriver: (driver: SchedulerDriver) => SchedulerDriver;
  readonly onInstance: (server: SimServer, change: InstanceChange) => void;
  readonly onEvent: (epoch: number, event: PublishedEvent) => void;
}

const MAX_RUNNING_DEPLOYMENTS = 10_000;
const MAX_QUEUED_CHANGES = 5_000;

/**
 * One life of the server process: the product's own services, put together in the order of `server/server.ts`, on a
 * virtual clock and a store in memory. Only what touches the world is simulated: disk, lines, prober.
 */
export class SimServer {
  private constructor(
    readonly epoch: number,
    readonly clock: ProcessClock,
    readonly store: MemoryStore,
    readonly registry: AppRegistryImpl,
    readonly changes: AppChanges,
    readonly master: Master,
    readonly scheduler: SchedulerService,
    readonly proxyControl: ProxyControl,
    readonly health: HealthService,
    readonly deployments: DeploymentService,
    readonly events: EventBuffer,
  ) {}

  /** `onStore` is told the store before it is used, so that a crash can happen at any flush of the start too. */
  static async start(options: SimServerOptions, onStore: (store: MemoryStore) => void): Promise<SimServer> {
    const { clock, dice, disk, log, settings, fate } = options;
    const store = new MemoryStore({ clock, log: log.child('store'), disk, flushMs: settings.flushMs, fate });
    onStore(store);
    await store.open();
    const epoch = await nextEpoch(store);
    const events = new EventBuffer({ epoch, clock, log });
    events.subscribe((event) => options.onEvent(epoch, event));
    const registry = new AppRegistryImpl({
      store,
      servicePorts: { min: 10_000, max: 20_000 },
      log: log.child('apps'),
    });
    await registry.load();
    const master = new Master({
      store,
      epoch,
      clock,
      dice,
      log,
      agentPingTimeoutMs: settings.agentPingTimeoutSeconds * 1_000,
      agentReregisterTimeoutMs: settings.agentReregisterTimeoutSeconds * 1_000,
      hostname: 'server',
      port: 5050,
    });
    await master.start();
    const drainer: Drainer = {
      drain: (instance, aborted) => proxyControl.drain(instance, aborted),
      portResting: (agentId, port) => proxyControl.portResting(agentId, port),
    };
    const scheduler = new SchedulerService({
      store,
      epoch,
      apps: registry,
      driver: options.watchDriver(master.driver()),
      drainer,
      events,
      clock,
      dice,
      log,
      settings: {
        agentReregisterTimeoutSeconds: settings.agentReregisterTimeoutSeconds,
        frameworkName: 'longrun',
        hostname: 'server',
      },
    });
    const proxyControl: ProxyControl = new ProxyControl({
      registry,
      instances: scheduler.instances,
      bootId: (agentId) => master.bootId(agentId),
      epoch,
      clock,
      log: log.child('proxy'),
      memory: options.proxyMemory,
    });
    const prober = new SimProber({ clock, answer: options.answer });
    const health = new HealthService({
      apps: registry,
      scheduler,
      prober,
      events,
      clock,
      log: log.child('health'),
    });
    const versions = new VersionSource(() => clock.wallMs());
    for (const { app } of registry.all()) versions.observe(app.version);
    const deployments = new DeploymentService({
      store,
      epoch,
      registry,
      scheduler,
      readiness: {
        readiness: (appId) => health.readiness(appId),
        setReadinessWanted: (appId, wanted) => health.setReadinessWanted(appId, wanted),
        onChange: (listener) => health.onReadinessChange(listener),
      },
      selectVictims: (app, instances, count) => selectVictims({ app, instances, count }),
      checkPutBack: (apps, groups) => checkPutBack(apps, groups, registry.prospect),
      events,
      versions,
      clock,
      dice,
      log: log.child('deployments'),
      settings: { maxRunningDeployments: MAX_RUNNING_DEPLOYMENTS, maxQueuedChanges: MAX_QUEUED_CHANGES },
    });
    const changes = new AppChanges({
      registry,
      contract: options.contract,
      settings: { defaultRole: '*', restartOnAnyChange: false },
    });
    const server = new SimServer(
      epoch,
      clock,
      store,
      registry,
      changes,
      master,
      scheduler,
      proxyControl,
      health,
      deployments,
      events,
    );
    scheduler.instances.onChange((change) => options.onInstance(server, change));
    registry.onChange((changes) => scheduler.appsChanged(changes));
    await scheduler.start();
    proxyControl.start();
    await health.start();
    await deployments.start();
    return server;
  }

  /** Ends in order, as after SIGTERM. */
  async stop(): Promise<void> {
    await this.deployments.stop();
    await this.health.stop();
    await this.scheduler.stop();
    this.proxyControl.stop();
    this.master.stop();
    await this.store.close();
  }
}

async function nextEpoch(store: MemoryStore): Promise<number> {
  const last = await store.get(keys.meta('epoch'));
  const epoch = (typeof last === 'number' ? last : 0) + 1;
  await store.commit({ epoch, writes: [{ op: 'put', key: keys.meta('epoch'), value: epoch }] });
  return epoch;
}
