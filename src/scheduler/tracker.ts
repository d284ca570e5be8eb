import type { AppId } from '../apps/app.js';
import type { Log } from '../logging/log.js';
import { type Cohort, Cohorts } from './cohort.js';
import type { Instance, InstanceId, TaskId } from './instance.js';
import type { InstanceChange, InstanceCounts, InstanceReadModel } from './scheduler.js';

interface AppInstances {
  readonly byId: Map<InstanceId, Instance>;
  /** `byId` as an array, until the next change. */
  list: readonly Instance[] | undefined;
  readonly cohorts: Cohorts;
  staged: number;
  running: number;
  healthy: number;
  unhealthy: number;
}

type Counter = 'staged' | 'running' | 'healthy' | 'unhealthy';
const nothing: InstanceCounts = { staged: 0, running: 0, healthy: 0, unhealthy: 0 };

/** The counters of Marathon reference 3 that an instance counts in. */
function countersOf(instance: Instance): readonly Counter[] {
  const task = instance.task;
  if (!task || instance.condition === 'Scheduled') return [];
  if (task.mesosState === 'TASK_STAGING') return ['staged'];
  if (task.mesosState !== 'TASK_RUNNING') return [];
  const results =
    instance.health?.taskId === task.id ? instance.health.results.filter((each) => each !== undefined) : [];
  if (results.length === 0) return ['running'];
  return ['running', results.every((each) => each.alive) ? 'healthy' : 'unhealthy'];
}

/**
 * Every instance, in memory.
 *
 * INVARIANTS
 * - Indexes and counters change with each `set`, never by a scan.
 * - Listeners hear of changes in the order in which they were made, also of those that a listener itself brings about.
 */
export class InstanceTracker implements InstanceReadModel {
  readonly #instances = new Map<InstanceId, Instance>();
  readonly #apps = new Map<AppId, AppInstances>();
  readonly #tasks = new Map<TaskId, InstanceId>();
  readonly #listeners = new Set<(change: InstanceChange) => void>();
  readonly #untold: InstanceChange[] = [];
  #telling = false;

  constructor(private readonly log: Log) {}

  get(id: InstanceId): Instance | undefined {
    return this.#instances.get(id);
  }

  byTask(taskId: TaskId): Instance | undefined {
    const id = this.#tasks.get(taskId);
    return id === undefined ? undefined : this.#instances.get(id);
  }

  ofApp(appId: AppId): readonly Instance[] {
    const app = this.#apps.get(appId);
    if (!app) return [];
    app.list ??= [...app.byId.values()];
    return app.list;
  }

  cohorts(appId: AppId): Iterable<Cohort> {
    return this.#apps.get(appId)?.cohorts.all() ?? [];
  }

  ofAppSize(appId: AppId): number {
    return this.#apps.get(appId)?.byId.size ?? 0;
  }

  all(): Iterable<Instance> {
    return this.#instances.values();
  }

  appIds(): Iterable<AppId> {
    return this.#apps.keys();
  }

  get size(): number {
    return this.#instances.size;
  }

  counts(appId: AppId): InstanceCounts {
    const app = this.#apps.get(appId);
    return app
      ? { staged: app.staged, running: app.running, healthy: app.healthy, unhealthy: app.unhealthy }
      : nothing;
  }

  onChange(listener: (change: InstanceChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Puts a stored instance back at start; nobody is told. */
  load(instance: Instance): void {
    this.#index(undefined, instance);
  }

  /** Puts (or with `after` undefined removes) an instance and tells the listeners. */
  set(id: InstanceId, after: Instance | undefined): void {
    const before = this.#instances.get(id);
    if (before === after) return;
    this.#index(before, after);
    this.#untold.push({ before, after });
    this.#tell();
  }

  #index(before: Instance | undefined, after: Instance | undefined): void {
    if (before) this.#count(before, -1);
    if (before?.task && before.task.id !== after?.task?.id) this.#tasks.delete(before.task.id);
    if (after) {
      this.#instances.set(after.id, after);
      if (after.task) this.#tasks.set(after.task.id, after.id);
      this.#count(after, 1);
    } else if (before) {
      this.#instances.delete(before.id);
      const app = this.#apps.get(before.appId);
      app?.byId.delete(before.id);
      app?.cohorts.delete(before.id);
      if (app?.byId.size === 0) this.#apps.delete(before.appId);
    }
  }

  #count(instance: Instance, by: 1 | -1): void {
    let app = this.#apps.get(instance.appId);
    if (!app) {
      const counters = { staged: 0, running: 0, healthy: 0, unhealthy: 0 };
      app = { byId: new Map(), list: undefined, cohorts: new Cohorts(), ...counters };
      this.#apps.set(instance.appId, app);
    }
    app.list = undefined;
    if (by === 1) {
      app.byId.set(instance.id, instance);
      app.cohorts.set(instance);
    }
    for (const counter of countersOf(instance)) app[counter] += by;
  }

  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let change = this.#untold.shift(); change; change = this.#untold.shift()) {
        for (const listener of this.#listeners) this.#tellOne(listener, change);
      }
    } finally {
      this.#telling = false;
    }
  }

  #tellOne(listener: (change: InstanceChange) => void, change: InstanceChange): void {
    try {
      listener(change);
    } catch (error) {
      const id = change.after?.id ?? change.before?.id;
      this.log.error('a listener failed on an instance change; the change stands', { instance: id, error });
    }
  }
}
