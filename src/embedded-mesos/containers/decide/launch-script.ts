import type { ContainerSpec } from '../containerizer.js';

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names that some shells hold read-only, or give a meaning of their own while the script still runs. */
const shellsOwn = new Set([
  'UID',
  'EUID',
  'PPID',
  'BASHOPTS',
  'SHELLOPTS',
  'BASH_VERSINFO',
  'BASH_ENV',
  'ENV',
  'OPTIND',
  'LINENO',
]);

/** Whether a shell can hold a variable of this name; others go through env(1). */
export function isShellVariable(name: string): boolean {
  return identifier.test(name) && !shellsOwn.has(name);
}

/** One shell word that means exactly this text. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The word that marks each program that runs in a container before the task's own. */
export function launchMark(containerId: string): string {
  return `longrun-launch:${containerId}`;
}

/**
 * The last step of a launch: a script that a shell, already in the cgroup and already the task's user, reads from its
 * standard input. It travels there and not as arguments, since everybody may read the arguments of any process, and
 * values of the environment may be secrets. Only variables that a shell cannot hold go through env(1).
 * Later values of a name win, as in Mesos.
 */
export function launchScript(spec: ContainerSpec): string {
  const environment = new Map(spec.environment.map(({ name, value }) => [name, value]));
  const lines = ['unset PWD OLDPWD SHLVL PATH'];
  const odd: string[] = [];
  for (const [name, value] of environment) {
    if (isShellVariable(name)) lines.push(`export ${name}=${quoted(value)}`);
    else odd.push(quoted(`${name}=${value}`));
  }
  const { shell, value, arguments: argv } = spec.command;
  const program = shell ? ['/bin/sh', '-c', value] : [value, ...argv.slice(1)];
  const through = odd.length > 0 ? ['/usr/bin/env', '-u', quoted(launchMark(spec.id)), ...odd] : [];
  lines.push(['exec', ...through, ...program.map(quoted), '</dev/null'].join(' '));
  return `${lines.join('\n')}\n`;
}

/**
 * Whether the command line of a container's main process (words ended by NUL, as in /proc) is already the task's own
 * program: every program before it carries the mark or is a shell that runs one of our scripts, in `runtimeFolder`.
 */
export function isTasksOwnProgram(commandLine: string, containerId: string, runtimeFolder: string): boolean {
  if (commandLine === '') return false;
  const words = commandLine.split('\0');
  return !words.includes(launchMark(containerId)) && words[1]?.startsWith(`${runtimeFolder}/`) !== true;
}

/** What the kernel tells of a process without waiting for it. */
export interface ProgramView {
  /** Where its standard input and output lead. */
  readonly stdin: string | undefined;
  readonly stdout: string | undefined;
  /** Length of its command line; undefined: not known, or it is just being replaced. */
  readonly commandBytes: number | undefined;
}

/**
 * What can be said of a container's main process without its command line, to read which is to wait for the process: while it loads a
 * program it holds a lock over its memory, and it may be held up itself, by a quota above all. `launching`: it still reads the launch
 * script. `own`: it is the task's own program. The launch script's last line opens /dev/null and executes the program; nothing but the
 * shell that reads the script has both that input and the container's output before.
 */
export function programIn(
  { stdin, stdout, commandBytes }: ProgramView,
  { id, environment }: Pick<ContainerSpec, 'id' | 'environment'>,
): 'launching' | 'own' | 'unclear' {
  if (stdin?.endsWith(`/scripts/${id}`)) return 'launching';
  const redirected = stdin === '/dev/null' && stdout?.endsWith(`/${id}.stdout`) === true;
  if (!redirected || commandBytes === undefined || commandBytes === launchShellBytes(id)) return 'unclear';
  return environment.every(({ name }) => isShellVariable(name)) ? 'own' : 'unclear';
}

/** Length of the command line of the shell that reads the launch script. */
function launchShellBytes(id: string): number {
  return Buffer.byteLength(`/bin/sh\0-s\0${launchMark(id)}\0`);
}

/** Why this command can never run, as a sentence; undefined when it can be tried. */
export function commandFault(spec: Pick<ContainerSpec, 'command' | 'environment'>): string | undefined {
  const { value } = spec.command;
  if (value === '') return 'the command is empty';
  if ([value, ...spec.command.arguments].some((word) => word.includes('\0')))
    return 'the command contains a NUL character';
  for (const { name, value: content } of spec.environment) {
    if (name === '' || name.includes('=') || name.includes('\0'))
      return `the environment variable name ${JSON.stringify(name)} is not possible`;
    if (content.includes('\0')) return `the environment variable ${name} contains a NUL character`;
  }
  return undefined;
}
