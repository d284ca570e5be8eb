import type { AppId } from '../../../src/apps/app.js';
import { Cohorts } from '../../../src/scheduler/cohort.js';
import type { Instance, InstanceHealth, InstanceId, TaskId } from '../../../src/scheduler/instance.js';
import { isActive, isTerminal } from '../../../src/scheduler/instance.js';
import type {
  AppSource,
  Goals,
  InstanceChange,
  InstanceCounts,
  InstanceReadModel,
  QueueEntry,
  Scheduler,
} from '../../../src/scheduler/scheduler.js';
import { keys, type StateStore, type StoreWrite } from '../../../src/store/state-store.js';
import { instanceOf } from './builders.js';

/**
 * A scheduler without agents: what is wanted becomes durable, then is there; everything else happens when the test says
 * so. Instances are called `<app>.1`, `<app>.2` ... in the order of their making.
 */
export class SimulatedScheduler implements Scheduler {
  readonly settling = false;
  readonly frameworkId = 'framework';
  readonly wants: { readonly appId: AppId; readonly goals: Goals }[] = [];
  readonly forgotten: AppId[] = [];
  onWant: ((appId: AppId, goals: Goals) => void) | undefined;
  readonly #known = new Map<InstanceId, Instance>();
  readonly #byApp = new Map<AppId, Map<InstanceId, Instance>>();
  readonly #cohorts = new Map<AppId, Cohorts>();
  readonly #listeners = new Set<(change: InstanceChange) => void>();
  readonly #numbers = new Map<AppId, number>();
  readonly instances: InstanceReadModel;

  constructor(
    private readonly store: StateStore,
    private readonly apps: AppSource,
  ) {
    const known = this.#known;
    const byApp = this.#byApp;
    const cohorts = this.#cohorts;
    const listeners = this.#listeners;
    this.instances = {
      get: (id) => known.get(id),
      byTask: (taskId) => [...known.values()].find((instance) => instance.task?.id === taskId),
      ofApp: (appId) => [...(byApp.get(appId)?.values() ?? [])],
      cohorts: (appId) => cohorts.get(appId)?.all() ?? [],
      all: () => known.values(),
      get size() {
        return known.size;
      },
      counts: (): InstanceCounts => ({ staged: 0, running: 0, healthy: 0, unhealthy: 0 }),
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  async load(): Promise<void> {
    for await (const { value } of this.store.scan('instance!')) {
      const instance = value as Instance;
      this.#keep(instance);
      const number = Number(instance.id.split('.').at(-1));
      this.#numbers.set(instance.appId, Math.max(number, this.#numbers.get(instance.appId) ?? 0));
    }
  }

  async want(appId: AppId, goals: Goals): Promise<void> {
    this.onWant?.(appId, goals);
    const record = this.apps.get(appId);
    const made: Instance[] = [];
    let number = this.#numbers.get(appId) ?? 0;
    for (let count = 0; count < goals.start; count++) {
      if (!record) throw new Error(`no app ${appId}`);
      number += 1;
      const fresh = instanceOf(appId, `${appId.slice(1)}.${number}`, { condition: 'Scheduled' });
      made.push({ ...fresh, launchHash: record.launchHash });
    }
    this.#numbers.set(appId, number);
    const changes: InstanceChange[] = made.map((after) => ({ before: undefined, after }));
    for (const id of goals.stop) {
      const before = this.#known.get(id);
      if (!before || before.goal === 'Decommissioned') continue;
      changes.push({ before, after: this.#leaving(before, goals) });
    }
    await this.store.commit({ epoch: 1, writes: changes.map(writeOf) });
    this.wants.push({ appId, goals });
    for (const change of changes) this.#tell(change);
  }

  #leaving(before: Instance, goals: Goals): Instance | undefined {
    if (!isActive(before.condition) || before.condition === 'Unreachable') return undefined;
    const takingOut = { reason: goals.reason, since: before.since, phase: 'draining' as const };
    return { ...before, goal: 'Decommissioned', takingOut };
  }

  /** A task of the app's definition runs. */
  launch(id: string): void {
    this.#become(id, (before) => {
      const { launchHash } = this.apps.get(before.appId) ?? before;
      return { ...instanceOf(before.appId, id), launchHash, incarnation: before.incarnation + 1 };
    });
  }

  healthy(id: string, healthy = true): void {
    this.#health(id, { healthy });
  }

  ready(id: string): void {
    this.#health(id, { ready: true });
  }

  unreachable(id: string, inactive = false): void {
    this.#become(id, (before) => ({
      ...before,
      condition: inactive ? 'UnreachableInactive' : 'Unreachable',
    }));
  }

  back(id: string): void {
    this.#become(id, (before) => ({ ...before, condition: 'Running' }));
  }

  /** Its task ends: launched again, or gone when nobody wants it. */
  end(id: string): void {
    this.#become(id, (before) => {
      if (before.goal !== 'Running') return undefined;
      const { task: _task, health: _health, takingOut: _takingOut, ...rest } = before;
      return { ...rest, condition: 'Scheduled' };
    });
  }

  /** All that needs no agent's good will: launches run, those leaving are gone. True when something happened. */
  settle(options: { readonly healthy: (instance: Instance) => boolean }): boolean {
    let happened = false;
    for (const instance of [...this.#known.values()]) {
      if (instance.goal !== 'Running') this.end(instance.id);
      else if (instance.condition === 'Scheduled') this.launch(instance.id);
      else if (
        instance.condition === 'Running' &&
        instance.health?.healthy !== true &&
        options.healthy(instance)
      ) {
        this.#health(instance.id, { healthy: true, ready: true });
      } else continue;
      happened = true;
    }
    return happened;
  }

  async kill(): Promise<void> {
    throw new Error('not asked of the simulated scheduler');
  }

  report(): void {
    throw new Error('not asked of the simulated scheduler');
  }

  queue(): readonly QueueEntry[] {
    return [];
  }

  queueEntry(): QueueEntry | undefined {
    return undefined;
  }

  resetDelay(): boolean {
    return true;
  }

  lastTaskFailure(): undefined {
    return undefined;
  }

  forget(appId: AppId): void {
    this.forgotten.push(appId);
  }

  #health(id: string, health: Partial<InstanceHealth>): void {
    this.#become(id, (before) => {
      if (!before.task) throw new Error(`${id} has no task`);
      const known: InstanceHealth = before.health ?? { taskId: before.task.id as TaskId, results: [] };
      return { ...before, health: { ...known, ...health } };
    });
  }

  #become(id: string, step: (before: Instance) => Instance | undefined): void {
    const before = this.#known.get(id as InstanceId);
    if (!before || isTerminal(before.condition)) throw new Error(`no instance ${id}`);
    const change = { before, after: step(before) };
    // A fact is written behind: what a crash loses of it is observed again.
    this.store.commit({ epoch: 1, writes: [writeOf(change)] }).catch(() => undefined);
    this.#tell(change);
  }

  #tell(change: InstanceChange): void {
    if (change.after) this.#keep(change.after);
    else if (change.before) {
      this.#known.delete(change.before.id);
      this.#byApp.get(change.before.appId)?.delete(change.before.id);
      this.#cohorts.get(change.before.appId)?.delete(change.before.id);
    }
    for (const listener of this.#listeners) listener(change);
  }

  #keep(instance: Instance): void {
    this.#known.set(instance.id, instance);
    const members = this.#byApp.get(instance.appId) ?? new Map<InstanceId, Instance>();
    members.set(instance.id, instance);
    this.#byApp.set(instance.appId, members);
    const cohorts = this.#cohorts.get(instance.appId) ?? new Cohorts();
    cohorts.set(instance);
    this.#cohorts.set(instance.appId, cohorts);
  }
}

function writeOf({ before, after }: InstanceChange): StoreWrite {
  if (after) return { op: 'put', key: keys.instance(after.id), value: after };
  return { op: 'delete', key: keys.instance(before?.id ?? '') };
}
