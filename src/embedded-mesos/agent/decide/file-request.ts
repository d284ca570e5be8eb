/** Mesos answers a read with at most 16 pages. */
export const MAX_READ_BYTES = 64 * 1024;

/** A place in a sandbox: which container's, and the names from its top down. */
export interface SandboxPlace {
  readonly containerId: string;
  readonly names: readonly string[];
}

export interface PlaceLookup {
  /** The newest container of a task. */
  containerOfTask(taskId: string): string | undefined;
  /** Whether a container has a sandbox here. */
  hasSandbox(containerId: string): boolean;
}

/** Names below a top, with `.` and `..` resolved; undefined when they lead out of it. */
export function namesBelow(path: string): readonly string[] | undefined {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name.includes('\0')) return undefined;
    if (name !== '..') names.push(name);
    else if (names.pop() === undefined) return undefined;
  }
  return names;
}

/**
 * Finds the sandbox that a path of /files means: `/tasks/<task>/...`, Mesos's
 * `/frameworks/<id>/executors/<task>/runs/latest/...` (a task is its own executor), or the real path. Undefined: none.
 */
export function placeOf(path: string, sandboxes: string, lookup: PlaceLookup): SandboxPlace | undefined {
  const real = `${sandboxes}/`;
  if (path.startsWith(real)) {
    const [containerId, ...below] = path.slice(real.length).split('/');
    const names = namesBelow(below.join('/'));
    return containerId && names && lookup.hasSandbox(containerId) ? { containerId, names } : undefined;
  }
  const match =
    /^\/tasks\/([^/]+)(\/.*)?$/.exec(path) ??
    /^\/frameworks\/[^/]+\/executors\/([^/]+)\/runs\/latest(\/.*)?$/.exec(path);
  const containerId = match?.[1] === undefined ? undefined : lookup.containerOfTask(match[1]);
  const names = namesBelow(match?.[2] ?? '');
  return containerId && names ? { containerId, names } : undefined;
}

/** Names at the top of a sandbox that are the task's output, which the agent owns and keeps elsewhere. */
export function isOutputName(name: string): boolean {
  return /^(stdout|stderr)(\.\d{1,3})?$/.test(name);
}

/** Letters of ls(1) by the type bits of a mode. */
const fileTypes: ReadonlyMap<number, string> = new Map([
  [0o040000, 'd'],
  [0o120000, 'l'],
  [0o010000, 'p'],
  [0o140000, 's'],
  [0o020000, 'c'],
  [0o060000, 'b'],
]);

/** `-rwxr-x---` as ls(1) shows a mode. */
export function modeText(mode: number): string {
  const bits = [...'rwxrwxrwx'].map((letter, index) => (mode & (0o400 >> index) ? letter : '-')).join('');
  return (fileTypes.get(mode & 0o170000) ?? '-') + bits;
}

/** How many of these bytes are whole UTF-8 characters: the rest begins one that goes on in the next read. */
export function wholeCharacterBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
