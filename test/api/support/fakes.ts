import type { ApiMetrics, GroupRequests } from '../../../src/api/api-context.js';
import type { AppChanges, Prepare } from '../../../src/api/app-changes-port.js';
import type { App, AppId, AppRecord } from '../../../src/apps/app.js';
import type { AppChange, AppRegistry } from '../../../src/apps/app-registry.js';
import type { GroupReadModel } from '../../../src/apps/group.js';
import type { GroupRequestRead } from '../../../src/apps/group-changes.js';
import { GroupIndex } from '../../../src/apps/group-index.js';
import type {
  Accepted,
  AcceptOptions,
  ChangePreview,
  Deployment,
  Deployments,
  PreparedChange,
  ReadinessResult,
  Waiting,
} from '../../../src/deployments/deployment.js';
import { CatalogError } from '../../../src/errors/registry.js';
import type { EventBody, EventBus, PublishedEvent } from '../../../src/events/event-bus.js';
import type { AgentId, Instance, InstanceId, TaskId } from '../../../src/scheduler/instance.js';
import type {
  InstanceReadModel,
  QueueEntry,
  Scheduler,
  TaskFailure,
} from '../../../src/scheduler/scheduler.js';
import { type Timestamp, timestamp, VersionSource } from '../../../src/util/timestamp.js';

export const START_MS = Date.UTC(2026, 0, 1);
export const at = (seconds: number): Timestamp => timestamp(START_MS + seconds * 1000);

/** An app definition with everything that normalisation fills in. */
export function app(id: string, fields: Partial<App> = {}): App {
  return {
    id: id as AppId,
    cmd: 'sleep 1000',
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
    portDefinitions: [{ port: 10_000, name: 'default', protocol: 'tcp' }],
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
    version: at(0),
    versionInfo: { lastScalingAt: at(0), lastConfigChangeAt: at(0) },
    ...fields,
  };
}

export function record(id: string, fields: Partial<App> = {}): AppRecord {
  return { app: app(id, fields), launchHash: 'hash-1', explicitPorts: true };
}

const uuidOf = (number: number): string => `${String(number).padStart(8, '0')}-0000-1000-8000-000000000000`;

/** A running instance of an app; `number` makes its id. */
export function running(appId: string, number: number, fields: Partial<Instance> = {}): Instance {
  const id = `${appId.slice(1).replaceAll('/', '_')}.instance-${uuidOf(number)}` as InstanceId;
  return {
    id,
    appId: appId as AppId,
    goal: 'Running',
    condition: 'Running',
    since: at(1),
    runSpecVersion: at(0),
    launchHash: 'hash-1',
    incarnation: 1,
    role: '*',
    task: {
      id: `${id}._app.1` as TaskId,
      agentId: 'agent-1' as AgentId,
      hostname: 'host-1',
      attributes: {},
      hostPorts: [31_000 + number],
      ipAddresses: [{ ipAddress: '127.0.0.1', protocol: 'IPv4' }],
      stagedAt: at(1),
      startedAt: at(2),
      mesosState: 'TASK_RUNNING',
      runSpecVersion: at(0),
    },
    ...fields,
  };
}

export class FakeRegistry implements AppRegistry {
  readonly records = new Map<AppId, AppRecord>();
  readonly history = new Map<AppId, AppRecord[]>();

  put(...records: readonly AppRecord[]): void {
    for (const item of records) {
      this.records.set(item.app.id, item);
      this.history.set(item.app.id, [item, ...(this.history.get(item.app.id) ?? [])]);
    }
  }

  get size(): number {
    return this.records.size;
  }

  get(appId: AppId): AppRecord | undefined {
    return this.records.get(appId);
  }

  all(): Iterable<AppRecord> {
    return this.records.values();
  }

  versions(appId: AppId): readonly Timestamp[] | undefined {
    return this.records.has(appId) ? this.history.get(appId)?.map((item) => item.app.version) : undefined;
  }

  async version(appId: AppId, version: Timestamp): Promise<AppRecord | undefined> {
    return this.history.get(appId)?.find((item) => item.app.version === version);
  }

  /** The groups that the apps' paths make, looked at afresh each time. */
  readonly groups: GroupReadModel = {
    get: (id) => (this.#tree().has(id) ? { id, dependencies: [], version: at(0) } : undefined),
    appsOf: (id) => this.#tree().appsOf(id),
    groupsOf: (id) => this.#tree().groupsOf(id),
    versionOf: () => at(0),
    versions: (id) => (this.#tree().has(id) ? [at(0)] : undefined),
    at: async () => undefined,
  };

  #tree(): GroupIndex {
    const index = new GroupIndex();
    for (const appId of this.records.keys()) index.add(appId);
    return index;
  }

  writesFor(): [] {
    return [];
  }

  apply(changes: readonly AppChange[]): void {
    for (const { appId, after } of changes) {
      if (after) this.put(after);
      else this.records.delete(appId);
    }
  }

  onChange(): () => void {
    return () => undefined;
  }
}

export class FakeScheduler implements Scheduler {
  readonly byId = new Map<InstanceId, Instance>();
  readonly killed: { ids: readonly InstanceId[]; wipe: boolean; decommission: boolean }[] = [];
  readonly entries = new Map<AppId, QueueEntry>();
  readonly failures = new Map<AppId, TaskFailure>();
  readonly resets: AppId[] = [];
  readonly settling = false;
  readonly frameworkId = 'framework-1';

  add(...instances: readonly Instance[]): void {
    for (const instance of instances) this.byId.set(instance.id, instance);
  }

  readonly instances: InstanceReadModel = this.#model();

  #model(): InstanceReadModel {
    const { byId } = this;
    const ofApp = (appId: AppId): readonly Instance[] =>
      [...byId.values()].filter((one) => one.appId === appId);
    return {
      get: (id) => byId.get(id),
      byTask: (taskId) => [...byId.values()].find((one) => one.task?.id === taskId),
      ofApp,
      all: () => byId.values(),
      get size() {
        return byId.size;
      },
      counts: (appId) => {
        const live = ofApp(appId).filter((one) => one.condition === 'Running');
        return {
          staged: 0,
          running: live.length,
          healthy: live.filter((one) => one.health?.healthy).length,
          unhealthy: 0,
        };
      },
      onChange: () => () => undefined,
    };
  }

  async want(): Promise<void> {}

  async kill(ids: readonly InstanceId[], options: { decommission: boolean; wipe: boolean }): Promise<void> {
    this.killed.push({ ids, ...options });
  }

  report(): void {}

  queue(): readonly QueueEntry[] {
    return [...this.entries.values()];
  }

  queueEntry(appId: AppId): QueueEntry | undefined {
    return this.entries.get(appId);
  }

  resetDelay(appId: AppId): boolean {
    this.resets.push(appId);
    return true;
  }

  lastTaskFailure(appId: AppId): TaskFailure | undefined {
    return this.failures.get(appId);
  }

  forget(): void {}
}

/** Accepts every change at once and applies it to the registry; what it was asked is kept. */
export class FakeDeployments implements Deployments {
  readonly running = new Map<string, Deployment>();
  readonly waitingNow = new Map<string, readonly Waiting[]>();
  readonly readiness = new Map<AppId, readonly ReadinessResult[]>();
  readonly asked: AcceptOptions[] = [];
  readonly cancelled: { id: string; force: boolean }[] = [];
  /** Thrown by the next change. */
  failure: Error | undefined;
  #number = 0;

  constructor(
    private readonly registry: FakeRegistry,
    private readonly versions = new VersionSource(() => START_MS + 60_000),
  ) {}

  all(): readonly Deployment[] {
    return [...this.running.values()];
  }

  get(id: string): Deployment | undefined {
    return this.running.get(id);
  }

  affecting(appId: AppId): readonly string[] {
    return this.all()
      .filter(({ plan }) => plan.steps.some((step) => step.actions.some((action) => action.app === appId)))
      .map(({ plan }) => plan.id);
  }

  waiting(id: string): readonly Waiting[] {
    return this.waitingNow.get(id) ?? [];
  }

  readinessResults(appId: AppId): readonly ReadinessResult[] {
    return this.readiness.get(appId) ?? [];
  }

  async change(prepare: Prepare, options: AcceptOptions): Promise<Accepted> {
    const version = this.versions.next();
    const changes = prepare(version);
    if (this.failure) throw this.failure;
    this.asked.push(options);
    this.registry.apply(changes.map((change) => ({ ...change, before: this.registry.get(change.appId) })));
    return { deploymentId: `deployment-${++this.#number}`, version };
  }

  changeTree(prepare: (version: Timestamp) => PreparedChange, options: AcceptOptions): Promise<Accepted> {
    return this.change((version) => prepare(version).apps, options);
  }

  async previewTree(prepare: (version: Timestamp) => PreparedChange): Promise<ChangePreview> {
    const version = this.versions.next();
    prepare(version);
    return { version, steps: [] };
  }

  async cancel(id: string, options: { force: boolean }): Promise<Accepted | undefined> {
    if (!this.running.has(id)) return undefined;
    this.cancelled.push({ id, ...options });
    return { deploymentId: options.force ? id : `revert-of-${id}`, version: at(99) };
  }
}

/** The apps room reduced to what a router can notice: bodies become records unless they are plainly wrong. */
export class FakeChanges implements AppChanges {
  readonly calls: { readonly name: string; readonly options?: unknown }[] = [];

  constructor(private readonly registry: FakeRegistry) {}

  #record(body: unknown, version: Timestamp, id?: string): AppRecord {
    const input = typeof body === 'object' && body !== null ? (body as Partial<App>) : undefined;
    if (input === undefined || Array.isArray(body)) {
      throw new CatalogError('invalid-json', {}, [{ path: '/', errors: ['error.expected.jsobject'] }]);
    }
    const name = id ?? input.id;
    if (typeof name !== 'string')
      throw new CatalogError('invalid-json', {}, [{ path: '/id', errors: ["'id' is undefined"] }]);
    const path = `/${name.split('/').filter(Boolean).join('/')}`;
    const base = this.registry.get(path as AppId)?.app ?? app(path);
    const wanted = input.instances === undefined ? {} : { instances: input.instances };
    return { ...record(path), app: { ...base, ...wanted, id: path as AppId, version } };
  }

  createApp(body: unknown): Prepare {
    this.calls.push({ name: 'createApp' });
    return (version) => {
      const after = this.#record(body, version);
      if (this.registry.get(after.app.id)) throw new CatalogError('app-exists', { id: after.app.id });
      return [{ appId: after.app.id, after }];
    };
  }

  replaceApps(body: unknown, options: unknown): Prepare {
    this.calls.push({ name: 'replaceApps', options });
    return this.#bulk(body);
  }

  patchApps(body: unknown): Prepare {
    this.calls.push({ name: 'patchApps' });
    return this.#bulk(body);
  }

  #bulk(body: unknown): Prepare {
    return (version) => {
      if (!Array.isArray(body))
        throw new CatalogError('invalid-json', {}, [{ path: '/', errors: ['error.expected.jsarray'] }]);
      return body
        .map((item: unknown) => this.#record(item, version))
        .map((after) => ({ appId: after.app.id, after }));
    };
  }

  updateApp(appId: AppId, body: unknown, options: { partialUpdate: boolean; mayCreate: boolean }): Prepare {
    this.calls.push({ name: 'updateApp', options });
    return (version) => {
      if (!options.mayCreate && !this.registry.get(appId))
        throw new CatalogError('app-not-found', { id: appId });
      return [{ appId, after: this.#record(body, version, appId) }];
    };
  }

  mergePatchApp(appId: AppId, body: unknown): Prepare {
    return this.updateApp(appId, body, { partialUpdate: true, mayCreate: false });
  }

  deleteApp(appId: AppId): Prepare {
    return () => {
      if (!this.registry.get(appId)) throw new CatalogError('app-not-found', { id: appId });
      return [{ appId, after: undefined }];
    };
  }

  restartApp(appId: AppId): Prepare {
    return (version) => {
      const before = this.registry.get(appId);
      if (!before) throw new CatalogError('app-not-found', { id: appId });
      return [{ appId, after: { ...before, restartedAt: version, launchHash: `${version}` } }];
    };
  }

  scaleAppsDown(fewer: ReadonlyMap<AppId, number>): Prepare {
    return (version) =>
      [...fewer].map(([appId, count]) => {
        const before = this.registry.get(appId);
        if (!before) throw new CatalogError('app-not-found', { id: appId });
        const instances = Math.max(0, before.app.instances - count);
        return { appId, after: { ...before, app: { ...before.app, instances, version } } };
      });
  }
}

/** A bus with a bounded memory. */
export class FakeEvents implements EventBus {
  readonly published: PublishedEvent[] = [];
  readonly listeners = new Set<(event: PublishedEvent) => void>();
  #seq = 0;

  constructor(
    readonly epoch = 7,
    private readonly capacity = 100,
  ) {}

  publish(body: EventBody): void {
    const event = {
      id: `${this.epoch}-${++this.#seq}`,
      eventType: body.eventType,
      json: JSON.stringify({ ...body, timestamp: at(this.#seq) }),
    };
    this.published.push(event);
    if (this.published.length > this.capacity) this.published.shift();
    for (const listener of [...this.listeners]) listener(event);
  }

  position(): string {
    return `${this.epoch}-${this.#seq}`;
  }

  after(id: string): readonly PublishedEvent[] | undefined {
    const match = /^(\d+)-(\d+)$/.exec(id);
    if (!match || Number(match[1]) !== this.epoch || Number(match[2]) > this.#seq) return undefined;
    const oldest = this.#seq - this.published.length;
    if (Number(match[2]) < oldest) return undefined;
    return this.published.slice(Number(match[2]) - oldest);
  }

  subscribe(listener: (event: PublishedEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  types(): readonly string[] {
    return this.published.map((event) => event.eventType);
  }
}

export class FakeMetrics implements ApiMetrics {
  readonly counts = new Map<string, number>();
  readonly gauges = new Map<string, () => number>();

  #add(name: string, by: number): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  counter(name: string): { inc(by?: number): void } {
    return { inc: (by = 1) => this.#add(name, by) };
  }

  gauge(name: string, read: () => number): void {
    this.gauges.set(name, read);
  }

  meter(name: string): { mark(): void } {
    return { mark: () => this.#add(name, 1) };
  }

  timer(name: string): { observe(seconds: number): void } {
    return { observe: () => this.#add(name, 1) };
  }

  toJson(): unknown {
    return { version: '4.0.0', counters: {}, gauges: {}, histograms: {}, meters: {}, timers: {} };
  }

  toPrometheus(): string {
    return '# TYPE marathon_apps_active_gauge gauge\n';
  }
}

/** No group can be changed here; tests of groups use the real apps room. */
export class FakeGroupChanges implements GroupRequests {
  async create(): Promise<GroupRequestRead> {
    return refusedGroup();
  }

  async update(): Promise<GroupRequestRead> {
    return refusedGroup();
  }

  async mergePatch(): Promise<GroupRequestRead> {
    return refusedGroup();
  }

  patch(): GroupRequestRead {
    return refusedGroup();
  }

  remove(): GroupRequestRead {
    return refusedGroup();
  }
}

function refusedGroup(): never {
  throw new CatalogError('group-not-found', { id: '/fake' });
}
