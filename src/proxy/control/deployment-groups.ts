import type { AppId } from '../../apps/app.js';
import type { TaskId } from '../../scheduler/instance.js';
import { type Colour, disabledTasks } from '../decide/blue-green.js';

interface Group {
  readonly colours: Map<AppId, Colour>;
  disabled: ReadonlySet<TaskId>;
}

const NONE: ReadonlySet<TaskId> = new Set();

/** Which apps serve as one, and which of their tasks are being moved away from. A change costs what the group has of tasks. */
export class DeploymentGroups {
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<AppId, string>();

  /**
   * What an app is now: a colour of its group, or none of any (undefined). Returns the other apps of a group whose tasks that
   * concerns.
   */
  set(appId: AppId, colour: Colour | undefined): readonly AppId[] {
    const before = this.#groupOf.get(appId);
    const after = colour?.deployment.group;
    if (before === undefined && after === undefined) return [];
    const affected: AppId[] = [];
    if (before !== undefined && before !== after) {
      const group = this.#groups.get(before);
      group?.colours.delete(appId);
      this.#groupOf.delete(appId);
      if (group) affected.push(...this.#judge(before, group));
    }
    if (after !== undefined && colour) {
      const group = this.#groups.get(after) ?? { colours: new Map<AppId, Colour>(), disabled: NONE };
      group.colours.set(appId, colour);
      this.#groups.set(after, group);
      this.#groupOf.set(appId, after);
      affected.push(...this.#judge(after, group));
    }
    return affected.filter((other) => other !== appId);
  }

  /** Tasks of the app's group that get nothing new. */
  disabled(appId: AppId): ReadonlySet<TaskId> {
    const group = this.#groupOf.get(appId);
    return (group === undefined ? undefined : this.#groups.get(group)?.disabled) ?? NONE;
  }

  /** Finds out anew who is moved away from; returns all apps of the group when that has changed. */
  #judge(name: string, group: Group): readonly AppId[] {
    if (group.colours.size === 0) {
      this.#groups.delete(name);
      return [];
    }
    const disabled = disabledTasks([...group.colours.values()]);
    const same =
      disabled.size === group.disabled.size && [...disabled].every((task) => group.disabled.has(task));
    group.disabled = disabled;
    return same ? [] : [...group.colours.keys()];
  }
}
