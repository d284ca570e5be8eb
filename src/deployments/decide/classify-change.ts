import { isDeepStrictEqual } from 'node:util';
import type { AppRecord } from '../../apps/app.js';
import type { ActionName } from '../deployment.js';

/** One app as a plan sees it. */
export interface PlannedApp {
  readonly before: AppRecord | undefined;
  readonly after: AppRecord | undefined;
  /** A plan that is cancelled for this one left the app half-way: it has to be brought to an end. */
  readonly continues: boolean;
  /** Instances of another definition than `after` are known to be there. */
  readonly mixed: boolean;
}

/** Whether two records say the same, so that a change from one to the other is none. */
export function sameRecord(a: AppRecord | undefined, b: AppRecord | undefined): boolean {
  return a === b || isDeepStrictEqual(a, b);
}

/**
 * What has to be done to the instances of one app (Marathon reference 5.2, with longrun's notion of current: launch
 * hash, not version). Undefined: nothing, the change applies in place.
 */
export function classifyChange({ before, after, continues, mixed }: PlannedApp): ActionName | undefined {
  if (!after) return before || continues ? 'StopApplication' : undefined;
  if (!before) return 'ScaleApplication';
  const sameLaunch = before.launchHash === after.launchHash && !mixed;
  if (after.app.instances === 0) {
    return sameLaunch && before.app.instances === 0 && !continues ? undefined : 'ScaleApplication';
  }
  if (!sameLaunch) return 'RestartApplication';
  return before.app.instances !== after.app.instances || continues ? 'ScaleApplication' : undefined;
}
