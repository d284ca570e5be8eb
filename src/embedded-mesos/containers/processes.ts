import { readdirSync, readFileSync } from 'node:fs';
import { isLive, parseProcStat } from './decide/proc-text.js';
import type { ProcessIdentity } from './decide/record.js';

/** The text of a small kernel or record file, undefined when it is not there (or its process just went). */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** The identity of a live process; undefined when there is none (zombies are not alive). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = parseProcStat(textOf(`/proc/${pid}/stat`) ?? '');
  return stat && isLive(stat) ? { pid, startTicks: stat.startTicks } : undefined;
}

/** Whether exactly this process still lives: a pid alone may have been given to another. */
export function lives(process: ProcessIdentity): boolean {
  return identityOf(process.pid)?.startTicks === process.startTicks;
}

/** The cheap half of `lives`: whether any process has this pid. */
export function pidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Sends a signal; false when there is no such process (or group, for a negative pid). Other failures are thrown. */
export function signal(pid: number, signalName: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signalName);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The boot that pids and start times belong to. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** Every pid of this host's /proc. */
export function allPids(): readonly number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}
