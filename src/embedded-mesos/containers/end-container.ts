import { existsSync, writeFileSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type ContainerHost, waitUntil } from './container-host.js';
import type { ContainerUse, MemoryLimitation } from './containerizer.js';
import { memoryLimitation, type ProcessSize } from './decide/out-of-memory.js';
import type { LiveProcess } from './decide/record.js';
import { childrenOf, lives, signal, textOf } from './processes.js';
import { streams } from './run-files.js';

/** How long processes may take to die after SIGKILL; one in an uninterruptible wait of the kernel may take for ever. */
export const STUCK_AFTER_MS = 60_000;
/** How long the log pump may take to write what is left in the pipes; on a busy host its own start takes some of it. */
export const DRAIN_LIMIT_MS = 20_000;
const PAGE_BYTES = 4096;

/** Kills until no member is left. Resolves to those that would not die within the bound (normally none). */
export async function killUntilEmpty(host: ContainerHost, id: string): Promise<readonly number[]> {
  const { isolation } = host;
  const empty = await waitUntil(host, STUCK_AFTER_MS, () => {
    if (isolation.members(id).length === 0) return true;
    isolation.killMembers(id);
    return false;
  });
  return empty || host.stopped ? [] : isolation.members(id);
}

/**
 * Has the pump write and remove the pipes; says so loudly when it does not. A container that nobody wants any more may be in the
 * middle of being made: a pipe that came after the pump had done as the mark said asks for another mark.
 */
export async function drainOutput(host: ContainerHost, id: string): Promise<void> {
  const { files } = host;
  const pipes = streams.map((stream) => files.pipe(id, stream));
  const drained = (): boolean => {
    if (!pipes.some((pipe) => existsSync(pipe))) return true;
    if (!existsSync(files.drainMark(id))) writeFileSync(files.drainMark(id), '', { mode: 0o600 });
    return false;
  };
  if (await waitUntil(host, DRAIN_LIMIT_MS, drained)) return;
  if (host.stopped) return;
  host.log.warn('the end of a task’s output could not be written in time', {
    container: id,
    limitMs: DRAIN_LIMIT_MS,
  });
  for (const path of [files.drainMark(id), ...pipes]) await rm(path, { force: true });
}

/** Ends a supervisor whose work is done, with whatever it waits in; one of format 1 is a group of its own. */
export function dismissSupervisor(supervisor: LiveProcess): void {
  if (!lives(supervisor)) return;
  const children = childrenOf(supervisor.pid);
  if (signal(-supervisor.pid, 'SIGKILL')) return;
  if (signal(supervisor.pid, 'SIGKILL')) for (const pid of children) signal(pid, 'SIGKILL');
}

/**
 * Whether the kernel has killed in this container for memory. What it says is written down first: the counters go with the
 * cgroup, and the agent may die before the task's status is durable.
 */
export async function memoryLimitationOf(
  host: ContainerHost,
  id: string,
): Promise<MemoryLimitation | undefined> {
  const { files, isolation } = host;
  const path = files.record(id, 'limit');
  if (existsSync(path)) return JSON.parse(await readFile(path, 'utf8')) as MemoryLimitation;
  if (isolation.oomKills(id) === 0) return undefined;
  const limitation = memoryLimitation(
    isolation.memoryFacts(id),
    isolation.members(id).slice(0, 1_000).map(sizeOf),
  );
  await writeFile(`${path}.new`, JSON.stringify(limitation), { mode: 0o600 });
  await rename(`${path}.new`, path);
  return limitation;
}

/** What a container used from begin to end: asked when nothing of it runs any more and its groups are still there. */
export function useOf({ isolation }: ContainerHost, id: string): ContainerUse | undefined {
  if (isolation.kind === 'process-group') return undefined;
  const { maxUsedBytes } = isolation.memoryFacts(id);
  const { cpus_user_time_secs: user = 0, cpus_system_time_secs: system = 0 } = isolation.statistics(id, 0);
  const cpuSeconds = Math.round((user + system) * 1_000) / 1_000;
  const counted = Number.isFinite(maxUsedBytes) && maxUsedBytes > 0;
  return counted ? { peakMemoryBytes: maxUsedBytes, cpuSeconds } : { cpuSeconds };
}

function sizeOf(pid: number): ProcessSize {
  const pages = Number(textOf(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0);
  return { pid, name: textOf(`/proc/${pid}/comm`)?.trim() ?? '?', rssBytes: pages * PAGE_BYTES };
}
