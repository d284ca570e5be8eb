import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { cgroupHierarchies } from '../decide/mount-table.js';
import { ownGroup } from '../decide/own-group.js';
import { CgroupVersion1, canMakeGroups } from './cgroup-version1.js';
import { CgroupVersion2 } from './cgroup-version2.js';
import type { Isolation } from './isolation.js';
import { ProcessGroups } from './process-groups.js';

/** Processes and threads that one container may have. */
export const DEFAULT_PIDS_MAX = 4096;

/** Finds the best isolation that this process may use on this host. */
export function detectIsolation(instanceId: string, pidsMax = DEFAULT_PIDS_MAX): Isolation {
  const hierarchies = cgroupHierarchies(readFileSync('/proc/self/mountinfo', 'latin1'));
  const hostCpus = cpus().length;
  if (hierarchies.length === 0) return new ProcessGroups('no cgroup hierarchy is mounted');
  const first = hierarchies.filter(
    ({ version, controllers }) =>
      version === 1 &&
      ['cpu', 'cpuacct', 'memory', 'pids', 'freezer'].some((name) => controllers.includes(name)),
  );
  if (first.length > 0) {
    const usable = first.filter((hierarchy) => canMakeGroups(hierarchy, instanceId));
    const others = hierarchies.filter((hierarchy) => !first.includes(hierarchy));
    if (usable.length > 0) return new CgroupVersion1([...usable, ...others], instanceId, pidsMax, hostCpus);
  }
  const second = hierarchies.find(({ version }) => version === 2);
  if (second && first.length === 0) {
    // The root of the hierarchy, else the group that was delegated to whoever started this process.
    const delegated = ownGroup(second.mountPoint, readFileSync('/proc/self/cgroup', 'latin1'));
    for (const mountPoint of [second.mountPoint, ...(delegated === undefined ? [] : [delegated])])
      if (canMakeGroups({ ...second, mountPoint }, instanceId))
        return new CgroupVersion2(mountPoint, instanceId, pidsMax, hostCpus);
  }
  const root = process.getuid?.() === 0;
  return new ProcessGroups(
    root
      ? 'the cgroup hierarchies cannot be written to'
      : 'the agent does not run as root, and no cgroup is delegated to it (systemd: Delegate=yes), so it has none',
  );
}
