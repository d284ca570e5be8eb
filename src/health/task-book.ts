import type { AppId, AppRecord } from '../apps/app.js';
import type { Instance, InstanceId } from '../scheduler/instance.js';
import type { TrackedTask } from './tracked-task.js';

/** The running tasks of one app that were launched from one definition, whatever was changed in place since. */
export interface Generation {
  /** What its tasks are probed by; undefined while it is looked up. */
  record: AppRecord | undefined;
  readonly tasks: Set<TrackedTask>;
}

/** The running tasks, by instance and by the definition they run. */
export class TaskBook {
  readonly #tasks = new Map<InstanceId, TrackedTask>();
  readonly #byApp = new Map<AppId, Map<string, Generation>>();

  get(id: InstanceId): TrackedTask | undefined {
    return this.#tasks.get(id);
  }

  has(tracked: TrackedTask): boolean {
    return this.#tasks.get(tracked.instance.id) === tracked;
  }

  /** The generation of an instance; undefined when none of its tasks is in the book. */
  generation({ appId, launchHash }: Pick<Instance, 'appId' | 'launchHash'>): Generation | undefined {
    return this.#byApp.get(appId)?.get(launchHash);
  }

  *ofApp(appId: AppId): Generator<TrackedTask> {
    for (const { tasks } of this.#byApp.get(appId)?.values() ?? []) yield* tasks;
  }

  /** Answers the generation that the task belongs to from now on. */
  add(tracked: TrackedTask): Generation {
    const { id, appId, launchHash } = tracked.instance;
    this.#tasks.set(id, tracked);
    let generations = this.#byApp.get(appId);
    if (!generations) {
      generations = new Map();
      this.#byApp.set(appId, generations);
    }
    let generation = generations.get(launchHash);
    if (!generation) {
      generation = { record: undefined, tasks: new Set() };
      generations.set(launchHash, generation);
    }
    generation.tasks.add(tracked);
    return generation;
  }

  remove(tracked: TrackedTask): void {
    const { id, appId, launchHash } = tracked.instance;
    this.#tasks.delete(id);
    const generations = this.#byApp.get(appId);
    const generation = generations?.get(launchHash);
    generation?.tasks.delete(tracked);
    if (generation?.tasks.size === 0) generations?.delete(launchHash);
    if (generations?.size === 0) this.#byApp.delete(appId);
  }
}
