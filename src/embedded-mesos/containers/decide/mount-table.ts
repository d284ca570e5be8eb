/** One mounted cgroup hierarchy. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** Version 1: its controllers, or `name=systemd` and the like. Version 2: empty (asked of cgroup.controllers). */
  readonly controllers: readonly string[];
}

const notControllers = new Set([
  'rw',
  'ro',
  'xattr',
  'noprefix',
  'clone_children',
  'nsdelegate',
  'memory_recursiveprot',
]);

/** The kernel writes blank, tab, newline and backslash in mount points as octal escapes. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Finds the cgroup hierarchies in the text of /proc/self/mountinfo (proc(5)). */
export function cgroupHierarchies(mountinfo: string): readonly Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ');
    const mountPoint = left?.split(' ')[4];
    const [type, , options] = right?.split(' ') ?? [];
    if (!mountPoint) continue;
    if (type === 'cgroup2') {
      found.push({ version: 2, mountPoint: unescapeMount(mountPoint), controllers: [] });
    } else if (type === 'cgroup') {
      const controllers = (options ?? '')
        .split(',')
        .filter((option) => option && !notControllers.has(option));
      found.push({ version: 1, mountPoint: unescapeMount(mountPoint), controllers });
    }
  }
  return found;
}
