import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Live processes of one longrun by their part. */
export interface Parts {
  readonly parent: readonly number[];
  readonly server: readonly number[];
  readonly agent: readonly number[];
  readonly proxy: readonly number[];
  readonly pump: readonly number[];
  readonly launcher: readonly number[];
  readonly supervisor: readonly number[];
}

const patterns: readonly (readonly [keyof Parts, RegExp])[] = [
  ['server', /server-main/],
  ['agent', /agent-main/],
  ['proxy', /worker-main/],
  ['pump', /log-pump|pump-main/],
  ['launcher', /launcher/],
  ['supervisor', /supervisor-\d+\.sh/],
];

/** Sorts a longrun's own processes (its tasks left out) into parts by their command lines. */
export function sortParts(pids: readonly number[], parent: number): Parts {
  const parts: Record<keyof Parts, number[]> = { parent: [], server: [], agent: [], proxy: [], pump: [], launcher: [], supervisor: [] };
  for (const pid of pids) {
    const command = commandOf(pid);
    const found = pid === parent ? 'parent' : patterns.find(([, pattern]) => pattern.test(command))?.[0];
    if (found) parts[found].push(pid);
  }
  return parts;
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

export function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

/** Every live process but this one; zombies count as gone. */
export function livePids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter(isAlive);
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Groups below every hierarchy's `longrun/<instance id>`, as `<hierarchy>:<path below>`. */
export function cgroupsOf(instanceId: string): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = ['.', ...(existsSync(root) ? readdirSync(root) : [])];
  return hierarchies.flatMap((hierarchy) => {
    const top = join(root, hierarchy, 'longrun', instanceId);
    return existsSync(top) ? below(top).map((path) => `${hierarchy}:${path}`) : [];
  });
}

function below(top: string, path = ''): string[] {
  let names: string[];
  try {
    names = readdirSync(join(top, path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
  return names.flatMap((name) => [join(path, name), ...below(top, join(path, name))]);
}
