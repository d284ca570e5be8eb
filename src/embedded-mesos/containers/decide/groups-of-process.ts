import type { CountedGroups, Version1Groups } from '../statistics/read-groups.js';
import type { Hierarchy } from './mount-table.js';

const counted = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'] as const;

/**
 * Where a process is counted, from the text of its /proc/PID/cgroup (`7:blkio:/docker/abc`, `0::/system.slice/x`). Undefined
 * when it lives in a root group, whose counters are the host's.
 */
export function groupsOfProcess(
  cgroupText: string,
  hierarchies: readonly Hierarchy[],
): CountedGroups | undefined {
  const folders: { -readonly [Name in keyof Version1Groups]: string } = {};
  let unified: string | undefined;
  for (const line of cgroupText.split('\n')) {
    // Neither the root, nor a group that is not seen from here.
    const [, names, path] = /^\d+:([^:]*):(\/(?!\.\.).+)$/.exec(line) ?? [];
    if (names === undefined || path === undefined) continue;
    for (const hierarchy of hierarchies) {
      const folder = `${hierarchy.mountPoint}${path}`;
      if (hierarchy.version === 2 && names === '') unified = folder;
      for (const controller of counted)
        if (
          hierarchy.version === 1 &&
          names.split(',').includes(controller) &&
          hierarchy.controllers.includes(controller)
        )
          folders[controller] = folder;
    }
  }
  if (folders.memory !== undefined || folders.cpuacct !== undefined) return { version: 1, folders };
  return unified === undefined ? undefined : { version: 2, folder: unified };
}
