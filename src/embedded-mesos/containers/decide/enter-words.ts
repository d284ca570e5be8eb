import type { Entrance } from '../containerizer.js';
import { isShellVariable, quoted } from './launch-script.js';

/** A program that joins a container, as it is started. Its environment holds nothing of the task's that a loader would heed. */
export interface Entering {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A program that a Docker engine starts in one of its containers. */
export interface EngineEntering {
  readonly socketPath: string;
  /** The engine's name or id of it. */
  readonly container: string;
  readonly argv: readonly string[];
  readonly environment: Entrance['environment'];
  readonly workingFolder: string;
}

/** Either way to start a program in a container. */
export type ProgramSource = Entering | EngineEntering;

/** What the container's main process is held to besides its user. */
export interface Privileges {
  /** Numbers of capabilities that it can never have and that the agent could. */
  readonly lost: readonly number[];
  readonly noNewPrivileges: boolean;
}

/** What a shell of the joining program exits with when it could not join. */
export const NOT_ENTERED = 125;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** One string of an environment may have 128 KiB; a character has up to three bytes per unit. */
const PIECE_UNITS = 40_000;

/** Joins the groups while that is allowed, then becomes what follows. `ulimit`: as for tasks. */
const joinScript = `ulimit -S -c 0
while [ "$1" != -- ]; do
  echo 0 >"$1/cgroup.procs" || exit ${NOT_ENTERED}
  shift
done
shift
exec "$@"`;

const namespaceFlags: Readonly<Record<Entrance['namespaces'][number], string>> = {
  pid: '--pid',
  ipc: '--ipc',
  mount: '--mount',
  net: '--net',
  uts: '--uts',
  cgroup: '--cgroup',
};

/**
 * How a program joins a running container: first its cgroups, so that nothing of it is ever outside, then its namespaces, then
 * its user, and only then its environment. That travels in variables of our own and is unfolded by a shell that has no rights
 * any more: values may be secrets, which arguments would show to everybody, and names like LD_PRELOAD would be heeded by the
 * programs that still run as root. `argv[0]` is looked up in the task's PATH.
 */
export function enteringWords(
  entrance: Entrance,
  argv: readonly string[],
  privileges: Privileges,
  how: { readonly hasSetpriv: boolean; readonly terminal: boolean },
): Entering {
  const pieces = piecesOf(unfolding(entrance));
  const names = pieces.map((_, index) => `LONGRUN_ENTER_${index}`);
  return {
    program: '/bin/sh',
    args: [
      '-c',
      joinScript,
      'longrun-enter',
      ...entrance.cgroups,
      '--',
      ...namespaceWords(entrance),
      ...(how.terminal ? sessionWords(entrance) : []),
      ...accountWords(entrance, privileges, how.hasSetpriv),
      '/bin/sh',
      '-c',
      `set -- "${names.map((name) => `$${name}`).join('')}" "$@"; unset ${names.join(' ')}; enter=$1; shift; eval "$enter"`,
      'longrun-enter',
      ...argv,
    ],
    environment: {
      PATH,
      ...Object.fromEntries(pieces.map((piece, index) => [names[index], piece])),
    },
  };
}

/** What a program needs that is to run in the container's network only, as the agent itself. */
export function networkWords(entrance: Entrance, argv: readonly string[]): Entering {
  const args = [
    '-c',
    joinScript,
    'longrun-enter',
    '--',
    'nsenter',
    '--target',
    String(entrance.pid),
    '--net',
  ];
  return { program: '/bin/sh', args: [...args, ...argv], environment: { PATH } };
}

function namespaceWords({ pid, namespaces }: Entrance): readonly string[] {
  if (namespaces.length === 0) return [];
  return ['nsenter', '--target', String(pid), ...namespaces.map((name) => namespaceFlags[name])];
}

/**
 * In a pid namespace the terminal's session has to be one of its own: a shell inside cannot name process groups of outside, and
 * so could not give the terminal to its jobs and take it back. Takes the rights that are still there.
 */
function sessionWords({ namespaces }: Entrance): readonly string[] {
  return namespaces.includes('pid') ? ['setsid', '--ctty'] : [];
}

function accountWords(
  { account }: Entrance,
  { lost, noNewPrivileges }: Privileges,
  hasSetpriv: boolean,
): readonly string[] {
  const bounds = [
    ...(lost.length === 0 ? [] : [`--bounding-set=${lost.map((number) => `-cap_${number}`).join(',')}`]),
    ...(noNewPrivileges ? ['--no-new-privs'] : []),
  ];
  if (account === undefined) return bounds.length === 0 ? [] : ['setpriv', ...bounds];
  const { uid, gid, groups } = account;
  if (!hasSetpriv)
    return ['chroot', `--userspec=${uid}:${gid}`, `--groups=${groups.join(',')}`, '--skip-chdir', '/'];
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`,
    '--inh-caps=-all',
    ...bounds,
  ];
}

/** The shell's lines from an empty environment to the program. Later values of a name win. */
function unfolding({ environment, workingFolder }: Entrance): string {
  const lines = ['unset PWD OLDPWD SHLVL PATH'];
  const odd: string[] = [];
  for (const [name, value] of new Map(environment.map((each) => [each.name, each.value]))) {
    if (isShellVariable(name)) lines.push(`export ${name}=${quoted(value)}`);
    else odd.push(quoted(`${name}=${value}`));
  }
  lines.push('umask 022', `cd ${quoted(workingFolder)} || exit ${NOT_ENTERED}`);
  lines.push(['exec', ...(odd.length === 0 ? [] : ['/usr/bin/env', ...odd]), '"$@"'].join(' '));
  return lines.join('\n');
}

/** Cut where no character is torn. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PIECE_UNITS);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last <= 0xdbff) to--;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** What `/proc/<pid>/status` says of a process's privileges, beside what our own says of ours. */
export function privilegesOf(status: string, own: string): Privileges {
  const bound = (text: string): bigint => BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(text)?.[1] ?? '0'}`);
  const missing = bound(own) & ~bound(status);
  const lost: number[] = [];
  for (let number = 0; number < 64; number++) if ((missing >> BigInt(number)) & 1n) lost.push(number);
  return { lost, noNewPrivileges: /^NoNewPrivs:\s*1/m.test(status) };
}
