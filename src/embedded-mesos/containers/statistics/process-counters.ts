import { readFileSync, readlinkSync } from 'node:fs';
import { type Counted, countedOnNetwork } from '../decide/cgroup-statistics.js';
import { groupsOfProcess } from '../decide/groups-of-process.js';
import { cgroupHierarchies, type Hierarchy } from '../decide/mount-table.js';
import { textOf } from '../processes.js';
import type { CountedGroups } from './read-groups.js';

let mounted: readonly Hierarchy[] | undefined;

/** The groups that somebody else, such as a Docker engine, keeps a process in. Undefined: it is gone or in none of its own. */
export function countedGroupsOf(pid: number): CountedGroups | undefined {
  const text = textOf(`/proc/${pid}/cgroup`);
  if (text === undefined || pid <= 0) return undefined;
  mounted ??= cgroupHierarchies(readFileSync('/proc/self/mountinfo', 'latin1'));
  return groupsOfProcess(text, mounted);
}

/** What a process's network has seen; nothing when it is the agent's own, which is everybody's. */
export function networkCounters(pid: number): Counted {
  try {
    if (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) return {};
  } catch {
    // It has just ended, or may not be looked into.
    return {};
  }
  const text = textOf(`/proc/${pid}/net/dev`);
  return text === undefined ? {} : countedOnNetwork(text);
}
