import type { AppId } from '../../apps/app.js';
import type { DeploymentLabels } from '../../apps/decide/routing/deployment-labels.js';
import type { TaskId } from '../../scheduler/instance.js';

/** One app of a deployment group, as zdd.py makes two of each. */
export interface Colour {
  readonly appId: AppId;
  readonly deployment: DeploymentLabels;
  /** All tasks that run. */
  readonly tasks: readonly TaskId[];
  /** How many of them may get requests. */
  readonly healthy: number;
}

/**
 * The tasks of older colours that get nothing new any more: as many as the newest has healthy ones, never so many that fewer
 * than its target would serve, those with the lowest ids first (marathon-lb: `min(old, healthy new, healthy new + old -
 * target)`). None without a target: then the apps serve side by side.
 */
export function disabledTasks(colours: readonly Colour[]): ReadonlySet<TaskId> {
  const [newest, ...older] = [...colours].sort(newestFirst);
  const target = newest?.deployment.targetInstances;
  if (!newest || target === undefined || older.length === 0) return new Set();
  const tasks = older.flatMap((colour) => colour.tasks).sort();
  const count = Math.min(tasks.length, newest.healthy, newest.healthy + tasks.length - target);
  return new Set(tasks.slice(0, Math.max(0, count)));
}

function newestFirst(a: Colour, b: Colour): number {
  const [left, right] = [a.deployment.startedAt, b.deployment.startedAt];
  if (left !== right) return left > right ? -1 : 1;
  return a.appId < b.appId ? 1 : -1;
}
