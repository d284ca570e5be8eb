import type { AppRecord } from '../../apps/app.js';
import { type Instance, isTerminal } from '../../scheduler/instance.js';

/** The instances of one app, sorted by what they are to its wanted definition. Each is in one list at most. */
export interface InstanceBuckets {
  /** Stay, and are (or will be at their launch) of the wanted definition. */
  readonly current: readonly Instance[];
  /** Stay so far, but were made from another definition. */
  readonly old: readonly Instance[];
  /** Told to go and not gone yet: they drain or are being killed. Unreachable ones are not waited for. */
  readonly leaving: readonly Instance[];
  /** Live, launching and leaving ones: what the maximum capacity limits. Known-unreachable ones are counted apart. */
  readonly occupied: number;
}

/**
 * An instance is current when its launch hash equals the record's, whatever its version says. One that waits for its
 * (re)launch, also one that is taken out only to be relaunched, becomes current then: launches always use the wanted
 * definition. Of the current ones that are unreachable for so long that they count as inactive nothing is expected any
 * more: they are in no list, so that replacements are started.
 */
export function sortInstances(record: AppRecord, instances: readonly Instance[]): InstanceBuckets {
  const current: Instance[] = [];
  const old: Instance[] = [];
  const leaving: Instance[] = [];
  let occupied = 0;
  for (const instance of instances) {
    const unreachable = isUnreachable(instance);
    if (instance.goal !== 'Running') {
      if (unreachable || isTerminal(instance.condition)) continue;
      leaving.push(instance);
      occupied += 1;
      continue;
    }
    if (!unreachable) occupied += 1;
    if (instance.launchHash === record.launchHash || awaitsLaunch(instance)) {
      if (instance.condition !== 'UnreachableInactive') current.push(instance);
    } else old.push(instance);
  }
  return { current, old, leaving, occupied };
}

/** Its agent is known to be away. */
export function isUnreachable(instance: Instance): boolean {
  return instance.condition === 'Unreachable' || instance.condition === 'UnreachableInactive';
}

function awaitsLaunch(instance: Instance): boolean {
  if (isUnreachable(instance)) return false;
  return (
    instance.condition === 'Scheduled' || isTerminal(instance.condition) || instance.takingOut !== undefined
  );
}
