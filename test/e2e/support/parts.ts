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
  ['proxy', /worker-main|^longrun proxy/],
  ['pump', /log-pump|pump-main/],
  ['launcher', /launcher/],
  ['supervisor', /supervisor-\d+\.sh/],
];

/** Sorts a longrun's own processes (its tasks left out) into parts by their command lines. */
export function sortParts(pids: readonly number[], parent: number): Parts {
  const parts: Record<keyof Parts, number[]> = {
    parent: [],
    server: [],
    agent: [],
    proxy: [],
    pump: [],
    launcher: [],
    supervisor: [],
  };
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

/** Names of the containers that have a group below any hierarchy's `longrun/<instance id>`, with the processes in them. */
export function containerGroups(instanceId: string): ReadonlyMap<string, ReadonlySet<number>> {
  const root = '/sys/fs/cgroup';
  const found = new Map<string, Set<number>>();
  for (const hierarchy of ['.', ...(existsSync(root) ? readdirSync(root) : [])]) {
    const top = join(root, hierarchy, 'longrun', instanceId);
    if (!existsSync(top)) continue;
    for (const path of below(top)) {
      const [name = ''] = path.split('/');
      if (name === 'supervisors') continue;
      const pids = found.get(name) ?? new Set<number>();
      for (const pid of processesIn(join(top, path))) pids.add(pid);
      found.set(name, pids);
    }
  }
  return found;
}

function processesIn(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
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
