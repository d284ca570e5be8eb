import type { AppRecord } from '../../apps/app.js';
import type { Cohort, Standing } from '../../scheduler/cohort.js';
import { type Instance, type InstanceId, isTerminal } from '../../scheduler/instance.js';

/** The instances of one app, sorted by what they are to its wanted definition. Each is in one of them at most. */
export interface InstanceBuckets {
  /** Stay, and are (or will be at their launch) of the wanted definition. */
  readonly current: readonly Cohort[];
  /** Stay so far, but were made from another definition. */
  readonly old: readonly Cohort[];
  /** How many were told to go and are not gone yet: they drain or are being killed. Unreachable ones are not waited for. */
  readonly leaving: number;
  /** Live, launching and leaving ones: what the maximum capacity limits. Known-unreachable ones are counted apart. */
  readonly occupied: number;
}

/**
 * An instance is current when its launch hash equals the record's, whatever its version says. One that waits for its
 * (re)launch, also one that is taken out only to be relaunched, becomes current then: launches always use the wanted
 * definition. Of the current ones that are unreachable for so long that they count as inactive nothing is expected any
 * more: they are in no list, so that replacements are started.
 */
export function sortCohorts(record: AppRecord, cohorts: Iterable<Cohort>): InstanceBuckets {
  const current: Cohort[] = [];
  const old: Cohort[] = [];
  let leaving = 0;
  let occupied = 0;
  for (const cohort of cohorts) {
    const { standing, members } = cohort;
    const unreachable = isUnreachable(standing);
    if (standing.goal !== 'Running') {
      if (unreachable || isTerminal(standing.condition)) continue;
      leaving += members.size;
      occupied += members.size;
      continue;
    }
    if (!unreachable) occupied += members.size;
    if (standing.launchHash === record.launchHash || awaitsLaunch(standing)) {
      if (standing.condition !== 'UnreachableInactive') current.push(cohort);
    } else old.push(cohort);
  }
  return { current, old, leaving, occupied };
}

/** Its agent is known to be away. */
export function isUnreachable({ condition }: Pick<Instance, 'condition'>): boolean {
  return condition === 'Unreachable' || condition === 'UnreachableInactive';
}

export function countOf(cohorts: readonly Cohort[]): number {
  return cohorts.reduce((count, { members }) => count + members.size, 0);
}

export function membersOf(cohorts: readonly Cohort[]): Instance[] {
  return cohorts.flatMap(({ members }) => [...members.values()]);
}

/** The first `count` of them, cohort by cohort. */
export function firstIds(cohorts: readonly Cohort[], count: number): InstanceId[] {
  const ids: InstanceId[] = [];
  for (const { members } of cohorts) {
    for (const id of members.keys()) {
      if (ids.length >= count) return ids;
      ids.push(id);
    }
  }
  return ids;
}

/** The cohorts without the named instances, and those of them that were there. */
export function withoutNamed(
  cohorts: readonly Cohort[],
  named: readonly InstanceId[] | undefined,
): { readonly rest: readonly Cohort[]; readonly taken: readonly InstanceId[] } {
  if (!named || named.length === 0) return { rest: cohorts, taken: [] };
  const wanted = [...new Set(named)];
  const taken: InstanceId[] = [];
  const rest = cohorts.flatMap((cohort) => {
    const here = wanted.filter((id) => cohort.members.has(id));
    if (here.length === 0) return [cohort];
    taken.push(...here);
    const members = new Map(cohort.members);
    for (const id of here) members.delete(id);
    return members.size > 0 ? [{ standing: cohort.standing, members }] : [];
  });
  return { rest, taken };
}

function awaitsLaunch(standing: Standing): boolean {
  if (isUnreachable(standing)) return false;
  return standing.condition === 'Scheduled' || isTerminal(standing.condition) || standing.leaving;
}
