import type { App, AppId, AppRecord, HealthCheck, ReadinessCheck } from '../../src/apps/app.js';
import type { AppChange } from '../../src/apps/app-registry.js';
import type { EventBody } from '../../src/events/event-bus.js';
import type { ProbeResult, Prober, ProbeTarget } from '../../src/health/health.js';
import { HealthService } from '../../src/health/health-service.js';
import { silentLog } from '../../src/logging/log.js';
import type { AgentId, Instance, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import type { HealthFact, InstanceChange } from '../../src/scheduler/scheduler.js';
import { type Timestamp, timestamp } from '../../src/util/timestamp.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

export function aCheck(more: Partial<HealthCheck> = {}): HealthCheck {
  return {
    protocol: 'HTTP',
    path: '/',
    portIndex: 0,
    gracePeriodSeconds: 300,
    intervalSeconds: 60,
    timeoutSeconds: 20,
    maxConsecutiveFailures: 3,
    ...more,
  };
}

export function aReadinessCheck(more: Partial<ReadinessCheck> = {}): ReadinessCheck {
  return {
    name: 'readinessCheck',
    protocol: 'HTTP',
    path: '/ready',
    portName: 'http-api',
    intervalSeconds: 30,
    timeoutSeconds: 10,
    httpStatusCodesForReady: [200],
    preserveLastResponse: false,
    ...more,
  };
}

export function aRecord(more: Partial<App> = {}, record: Partial<AppRecord> = {}): AppRecord {
  const version = (more.version ?? '2026-01-01T00:00:00.000Z') as Timestamp;
  const app: App = {
    id: '/web' as AppId,
    cmd: 'serve',
    env: {},
    instances: 1,
    cpus: 0.1,
    mem: 32,
    disk: 0,
    gpus: 0,
    executor: '',
    constraints: [],
    role: '*',
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: 10000, protocol: 'tcp', name: 'http-api' }],
    requirePorts: false,
    healthChecks: [],
    readinessChecks: [],
    backoffSeconds: 1,
    backoffFactor: 1.15,
    maxLaunchDelaySeconds: 300,
    dependencies: [],
    upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
    killSelection: 'YOUNGEST_FIRST',
    labels: {},
    version,
    versionInfo: { lastScalingAt: version, lastConfigChangeAt: version },
    ...more,
  };
  return { app, launchHash: 'hash-1', explicitPorts: true, ...record };
}

export function anInstance(n: number, wallMs: number, more: Partial<Instance> = {}): Instance {
  const id = `web.instance-${n}` as InstanceId;
  const since = timestamp(wallMs);
  return {
    id,
    appId: '/web' as AppId,
    goal: 'Running',
    condition: 'Running',
    since,
    runSpecVersion: '2026-01-01T00:00:00.000Z' as Timestamp,
    launchHash: 'hash-1',
    incarnation: 1,
    role: '*',
    task: {
      id: `${id}._app.1` as TaskId,
      agentId: 'agent-1' as AgentId,
      hostname: 'host-1',
      attributes: {},
      hostPorts: [31_000 + n],
      ipAddresses: [],
      stagedAt: since,
      mesosState: 'TASK_RUNNING',
      runSpecVersion: since,
    },
    ...more,
  };
}

/** A prober that answers what the test says. */
export class FakeProber implements Prober {
  readonly targets = new Map<string, ProbeTarget>();
  added = 0;
  stopped = false;
  #onResult: (result: ProbeResult) => void = () => undefined;

  async start(onResult: (result: ProbeResult) => void): Promise<void> {
    this.#onResult = onResult;
  }

  add(target: ProbeTarget): void {
    this.added++;
    this.targets.set(target.key, target);
  }

  remove(key: string): void {
    this.targets.delete(key);
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }

  /** Also for targets that are gone: results may cross their removal. */
  tell(key: string, ok: boolean, more: Partial<ProbeResult> = {}): void {
    this.#onResult({ key, ok, ...(ok ? {} : { cause: 'status 500' }), ...more });
  }
}

/** The health service among fakes: a registry, a scheduler that applies facts, a bus that remembers. */
export class HealthWorld {
  readonly clock = new VirtualClock();
  readonly prober = new FakeProber();
  readonly events: EventBody[] = [];
  readonly facts: HealthFact[] = [];
  readonly records = new Map<string, AppRecord>();
  readonly versions = new Map<string, AppRecord>();
  readonly instances = new Map<InstanceId, Instance>();
  versionError: Error | undefined;
  readonly service: HealthService;
  #onInstance: ((change: InstanceChange) => void) | undefined;
  #onApps: ((changes: readonly AppChange[]) => void) | undefined;

  constructor() {
    this.service = new HealthService({
      apps: {
        get: (id) => this.records.get(id),
        version: async (id, version) => {
          if (this.versionError) throw this.versionError;
          return this.versions.get(`${id}@${version}`);
        },
        onChange: (listener) => {
          this.#onApps = listener;
          return () => {
            this.#onApps = undefined;
          };
        },
      },
      scheduler: {
        instances: {
          all: () => this.instances.values(),
          onChange: (listener) => {
            this.#onInstance = listener;
            return () => {
              this.#onInstance = undefined;
            };
          },
        },
        report: (fact) => this.#report(fact),
      },
      prober: this.prober,
      events: { publish: (body) => void this.events.push(body) },
      clock: this.clock,
      log: silentLog,
    });
  }

  /** Puts an instance in its new state, as the scheduler would. */
  change(after: Instance): void {
    const before = this.instances.get(after.id);
    this.instances.set(after.id, after);
    this.#onInstance?.({ before, after });
  }

  forget(id: InstanceId): void {
    const before = this.instances.get(id);
    this.instances.delete(id);
    this.#onInstance?.({ before, after: undefined });
  }

  setApp(after: AppRecord | undefined, id = '/web'): void {
    const before = this.records.get(id);
    if (after) this.records.set(id, after);
    else this.records.delete(id);
    this.#onApps?.([{ appId: id as AppId, before, after }]);
  }

  run(n: number, more: Partial<Instance> = {}): Instance {
    const instance = anInstance(n, this.clock.wallMs(), more);
    this.change(instance);
    return instance;
  }

  healthOf(n: number) {
    return this.instances.get(`web.instance-${n}` as InstanceId)?.health;
  }

  eventTypes(): string[] {
    return this.events.map(({ eventType }) => eventType);
  }

  get giveUps(): HealthFact[] {
    return this.facts.filter(({ kind }) => kind === 'give-up');
  }

  #report(fact: HealthFact): void {
    this.facts.push(fact);
    const instance = this.instances.get(fact.instanceId);
    if (fact.kind === 'health' && instance) this.change({ ...instance, health: fact.health });
  }
}

export const key = (n: number, probe: string): string => `web.instance-${n}._app.1#${probe}`;
