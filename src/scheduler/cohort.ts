import type { AppId } from '../apps/app.js';
import type { Condition, Goal, Instance, InstanceId } from './instance.js';

/** All that a decision about numbers sees of an instance: everything but its age and its place. */
export interface Standing {
  readonly goal: Goal;
  readonly condition: Condition;
  readonly launchHash: string;
  readonly launched: boolean;
  /** It is being taken out. */
  readonly leaving: boolean;
  /** What is known of its present task; facts about an earlier one do not count. */
  readonly healthy: boolean | undefined;
  readonly ready: boolean;
}

/** The instances of one app that stand alike, in the order in which they came to stand so. Never empty. */
export interface Cohort {
  readonly standing: Standing;
  readonly members: ReadonlyMap<InstanceId, Instance>;
}

export function standingOf(instance: Instance): Standing {
  const { goal, condition, launchHash, task } = instance;
  const health = task && instance.health?.taskId === task.id ? instance.health : undefined;
  return {
    goal,
    condition,
    launchHash,
    launched: task !== undefined,
    leaving: instance.takingOut !== undefined,
    healthy: health?.healthy,
    ready: health?.ready === true,
  };
}

interface OpenCohort extends Cohort {
  readonly key: string;
  readonly members: Map<InstanceId, Instance>;
}

/**
 * The instances of one app by how they stand, kept change by change: a decision about ten thousand of them looks at the
 * handful of cohorts that they form.
 */
export class Cohorts {
  readonly #byKey = new Map<string, OpenCohort>();
  readonly #of = new Map<InstanceId, OpenCohort>();

  all(): Iterable<Cohort> {
    return this.#byKey.values();
  }

  set(instance: Instance): void {
    const standing = standingOf(instance);
    const key = keyOf(standing);
    const before = this.#of.get(instance.id);
    if (before?.key === key) {
      before.members.set(instance.id, instance);
      return;
    }
    if (before) this.#leave(instance.id, before);
    let cohort = this.#byKey.get(key);
    if (!cohort) {
      cohort = { key, standing, members: new Map() };
      this.#byKey.set(key, cohort);
    }
    cohort.members.set(instance.id, instance);
    this.#of.set(instance.id, cohort);
  }

  delete(id: InstanceId): void {
    const cohort = this.#of.get(id);
    if (!cohort) return;
    this.#leave(id, cohort);
    this.#of.delete(id);
  }

  #leave(id: InstanceId, cohort: OpenCohort): void {
    cohort.members.delete(id);
    if (cohort.members.size === 0) this.#byKey.delete(cohort.key);
  }
}

/** The cohorts of a plain list. */
export function cohortsOf(instances: Iterable<Instance>): readonly Cohort[] {
  const cohorts = new Cohorts();
  for (const instance of instances) cohorts.set(instance);
  return [...cohorts.all()];
}

/** The cohorts of an app; a read model that keeps none is asked for the list. */
export function cohortsOfApp(
  instances: {
    ofApp(appId: AppId): Iterable<Instance>;
    cohorts?(appId: AppId): Iterable<Cohort>;
  },
  appId: AppId,
): readonly Cohort[] {
  return instances.cohorts ? [...instances.cohorts(appId)] : cohortsOf(instances.ofApp(appId));
}

function keyOf(standing: Standing): string {
  const { goal, condition, launchHash, launched, leaving, healthy, ready } = standing;
  return `${goal} ${condition} ${launched} ${leaving} ${healthy} ${ready} ${launchHash}`;
}
