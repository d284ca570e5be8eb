import { join } from 'node:path';

/**
 * The folder of the cgroup (version 2) that a process lives in, from the text of its /proc/self/cgroup (cgroups(7)): what somebody
 * who is not root may have been given by systemd's `Delegate=`. Undefined for the root group, and for one that lies outside of what is
 * seen from here (`/..`).
 */
export function ownGroup(mountPoint: string, procSelfCgroup: string): string | undefined {
  const line = procSelfCgroup.split('\n').find((one) => one.startsWith('0::'));
  const path = line?.slice('0::'.length) ?? '/';
  if (path === '/' || path.startsWith('/..') || path.endsWith(' (deleted)')) return undefined;
  // Where an earlier start below the same group moved its processes aside to.
  return join(mountPoint, path.replace(/\/longrun-host$/, ''));
}
