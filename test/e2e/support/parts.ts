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
];

/** What an agent's records say of its containers; those that only wait for a launch are told apart. */
export interface ContainerProcesses {
  /** Supervisors of containers that have, or are about to have, a task. */
  readonly supervisors: ReadonlySet<number>;
  /** Ids of containers that wait for a launch. */
  readonly waiting: ReadonlySet<string>;
  /** Their supervisors, and the processes that will become tasks. */
  readonly waitingProcesses: ReadonlySet<number>;
}

export function containerProcesses(workDir: string): ContainerProcesses {
  const supervisors = new Set<number>();
  const waiting = new Set<string>();
  const waitingProcesses = new Set<number>();
  const records = join(workDir, 'agent/records');
  const names = new Set(existsSync(records) ? readdirSync(records) : []);
  for (const name of names) {
    const [id = '', kind] = name.split('.');
    if (kind !== 'supervisor' && kind !== 'warm') continue;
    const waits = names.has(`${id}.warm`) && !names.has(`${id}.task`);
    if (waits) waiting.add(id);
    const pid = Number(/^1 (\d+) /.exec(textOf(join(records, name)))?.[1]);
    if (waits) waitingProcesses.add(pid);
    else if (kind === 'supervisor') supervisors.add(pid);
  }
  return { supervisors, waiting, waitingProcesses };
}

/**
 * Sorts a longrun's own processes (its tasks left out) into parts: supervisors by the agent's records, others by their
 * command lines. What waits for a launch is no part.
 */
export function sortParts(pids: readonly number[], parent: number, workDir: string): Parts {
  const { supervisors, waitingProcesses } = containerProcesses(workDir);
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
    if (pid === parent) parts.parent.push(pid);
    // A fork of the launcher, whose command line it keeps.
    else if (supervisors.has(pid)) parts.supervisor.push(pid);
    else if (!waitingProcesses.has(pid)) {
      const command = commandOf(pid);
      const found = patterns.find(([, pattern]) => pattern.test(command))?.[0];
      if (found) parts[found].push(pid);
    }
  }
  return parts;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
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

/** The process that started this one, or whichever took it over; undefined when it is gone. */
export function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** Which of these supervisors a task belongs to: between the two stands what made the task's namespaces. */
export function supervisorOf(pid: number, supervisors: readonly number[]): number | undefined {
  for (let above = parentOf(pid); above !== undefined && above > 1; above = parentOf(above))
    if (supervisors.includes(above)) return above;
  return undefined;
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
