import type { MountSpec } from '../containerizer.js';
import { quoted } from './launch-script.js';

/** What is to be done in a container's own namespaces before its program starts. */
export interface StageFacts {
  /** The folder that holds all sandboxes, and the container's own in it. */
  readonly sandboxes: string;
  readonly sandbox: string;
  readonly strict: boolean;
  /** Whether the task runs as root: then the kernel's own file systems become read-only in `strict` too. */
  readonly asRoot: boolean;
  /** cgroups to join besides those that every container has. */
  readonly groups: readonly string[];
  /** Targets absolute. */
  readonly mounts: readonly MountSpec[];
  /** The name of the network namespace that it enters; absent: the host's network. */
  readonly network?: string;
}

/** Rights that a strict task of root keeps: those over its own files and users, and low ports. All others have none at all. */
const ROOTS_RIGHTS = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'sys_chroot',
];
/** Kept writable in `strict`: file systems of the container's own. */
const OWN_PLACES = ['/tmp', '/var/tmp', '/dev/shm', '/proc', '/dev/mqueue'];
/** Those of them that are there from the start, as the host's. */
const COVERED = ['/tmp', '/var/tmp', '/dev/shm'];
/** Only root could write there anyway. */
const KERNELS_PLACES = ['/sys', '/dev'];

/**
 * The stage script, sourced by the task's own process with the agent's rights; undefined when there is nothing to do. It fails as
 * soon as one step does; mount(8) says why on the task's stderr. `--no-canonicalize` throughout: the agent has resolved the
 * paths, and one such as /proc/self/cwd must not be.
 */
export function stageScript(facts: StageFacts): string | undefined {
  const { strict, sandbox, groups, mounts, network } = facts;
  if (!strict && groups.length + mounts.length === 0 && network === undefined) return undefined;
  // Before the private places cover their sources, as far as their targets are not covered themselves.
  const covered = ({ target }: MountSpec): boolean =>
    strict && !isBelow(target, sandbox) && COVERED.some((place) => isBelow(target, place));
  const lines = [
    ...groups.map((group) => `echo 0 >${quoted(`${group}/cgroup.procs`)} || return 1`),
    ...mounts.filter((mount) => !covered(mount)).flatMap(mountLines),
    ...(strict ? privatePlaces(facts) : []),
    ...mounts.filter(covered).flatMap(mountLines),
    ...(strict ? readOnlyLines(facts) : []),
    ...(strict ? [`bounds=${quoted(boundsOf(facts.asRoot))}`] : []),
    // Over /etc, for one, a volume would tell programs that are setuid root whatever it likes.
    ...(!strict && mounts.some(({ target }) => !isBelow(target, sandbox)) ? ['bounds=--no-new-privs'] : []),
    ...(network === undefined ? [] : [`before=${quoted(`nsenter --net=/run/netns/${network}`)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** All of it by one mount(8), each of which costs more than the mounts themselves. */
function privatePlaces({ sandbox }: StageFacts): readonly string[] {
  return [
    `cd ${quoted(sandbox)} || return 1`,
    // For the folders that it makes on the way to the sandbox: the task's user passes them.
    'umask 066',
    'mount -n --no-canonicalize --all --fstab "$root/scripts/$id.mounts" || return 1',
  ];
}

/**
 * The list for that, as fstab(5): a /tmp, /var/tmp and /dev/shm of its own; of the other containers' sandboxes not even the names
 * are seen. The way to the own one goes over the working folder, since it may lie below what is covered. The sources have names of
 * ours, or what the host has at the same place would count as done.
 */
export function privateMounts({ sandboxes, sandbox }: Pick<StageFacts, 'sandboxes' | 'sandbox'>): string {
  const lines = [
    ['longrun-sandboxes', sandboxes, 'tmpfs', 'mode=0711,size=64k,nosuid,nodev,noexec'],
    ['longrun-shm', '/dev/shm', 'tmpfs', 'mode=1777,nosuid,nodev'],
    ['/proc/self/cwd/tmp', '/tmp', 'none', 'bind'],
    ['/proc/self/cwd/tmp', '/var/tmp', 'none', 'bind'],
    ['/proc/self/cwd', sandbox, 'none', 'rbind,x-mount.mkdir=0711'],
  ];
  return lines.map((fields) => `${fields.map(fstabField).join(' ')} 0 0\n`).join('');
}

function fstabField(text: string): string {
  return text.replaceAll(/[ \t\n\\#]/g, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function mountLines({ source, target, readOnly }: MountSpec): readonly string[] {
  const to = quoted(target);
  const bind = `mount -n --no-canonicalize --rbind ${quoted(source)} ${to} || return 1`;
  if (!readOnly) return [bind];
  return [bind, ...remountLoop(`case $point in ${to} | ${to}/*) ;; *) continue ;; esac`)];
}

/** Everything else of the host. What a covered place hides cannot be reached, neither by the task nor by mount(8). */
function readOnlyLines({ sandbox, asRoot, mounts }: StageFacts): readonly string[] {
  const free = [
    sandbox,
    ...OWN_PLACES,
    ...(asRoot ? [] : KERNELS_PLACES),
    ...mounts.map(({ target }) => target),
  ];
  const patterns = free.flatMap((place) => [quoted(place), `${quoted(place)}/*`]);
  return remountLoop(`case $point in ${patterns.join(' | ')}) continue ;; esac`);
}

/** Makes mounts read-only, whose other flags stay; `skip` lets those go on that are not meant. */
function remountLoop(skip: string): readonly string[] {
  return [
    'while read -r _ _ _ _ point flags rest; do',
    // The files that stand for namespaces cannot be written at all.
    `  case $rest in *' - nsfs '*) continue ;; esac`,
    // The kernel writes blanks and the like as octal escapes.
    `  case $point in *\\\\*) point=$(printf '%b' "$point") ;; esac`,
    `  ${skip}`,
    '  case $flags in ro | ro,*) continue ;; esac',
    `  mount -n --no-canonicalize -o "remount,bind,ro\${flags#rw}" "$point" || return 1`,
    'done </proc/self/mountinfo',
  ];
}

function boundsOf(asRoot: boolean): string {
  const kept = asRoot ? ROOTS_RIGHTS.map((right) => `,+${right}`).join('') : '';
  return `--no-new-privs --bounding-set -all${kept} --inh-caps -all`;
}
