import type { Hierarchy } from './mount-table.js';

/**
 * The folders of the cgroups that a process is in, one per mounted hierarchy, from the text of its /proc/<pid>/cgroup (lines
 * `id:controllers:path`, cgroups(7)). Groups that are not seen from here (`..`) are left out.
 */
export function cgroupFolders(text: string, hierarchies: readonly Hierarchy[]): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [, names, ...rest] = line.split(':');
    const path = rest.join(':');
    if (names === undefined || !path.startsWith('/') || path.startsWith('/..')) return [];
    const wanted = names.split(',');
    const hierarchy = hierarchies.find(({ version, controllers }) =>
      names === '' ? version === 2 : version === 1 && wanted.every((name) => controllers.includes(name)),
    );
    return hierarchy ? [`${hierarchy.mountPoint}${path === '/' ? '' : path}`] : [];
  });
}
