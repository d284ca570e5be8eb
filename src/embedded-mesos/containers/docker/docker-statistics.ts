import { availableParallelism, totalmem } from 'node:os';
import type { ContainerLimits, ResourceStatistics } from '../containerizer.js';
import { limitStatistics } from '../decide/limit-statistics.js';
import { countedGroupsOf, networkCounters } from '../statistics/process-counters.js';
import { readGroups } from '../statistics/read-groups.js';

/**
 * What a running container of the engine has used, read from the groups that the engine keeps its main process in, as for any
 * other container and without asking the engine. `timestamp`: seconds since the Unix epoch. Without groups only the limits.
 */
export function dockerStatistics(
  pid: number,
  limits: ContainerLimits,
  timestamp: number,
): ResourceStatistics {
  const groups = countedGroupsOf(pid);
  return {
    ...(groups ? readGroups(groups, timestamp) : { timestamp }),
    ...limitStatistics(limits, { cpus: availableParallelism(), memBytes: totalmem() }),
    ...networkCounters(pid),
  };
}
