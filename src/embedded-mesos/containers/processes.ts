import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { startTicks } from '../../util/process-identity.js';
import type { ProgramView } from './decide/launch-script.js';
import type { LiveProcess } from './decide/record.js';

/** The text of a small kernel or record file, undefined when it is not there (or its process just went). */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** None of this waits for the process. Output before input: who has his output has had his input. */
export function programView(pid: number): ProgramView {
  const stdout = linkOf(`/proc/${pid}/fd/1`);
  const stdin = linkOf(`/proc/${pid}/fd/0`);
  const stat = textOf(`/proc/${pid}/stat`) ?? '';
  // Fields 48 and 49 of proc(5), arg_start and arg_end; 0 for those who may not know.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const bytes = Number(fields[46]) - Number(fields[45]);
  return { stdin, stdout, commandBytes: bytes > 0 ? bytes : undefined };
}

/** Whether exactly this process of this boot still lives: a pid alone may have been given to another. */
export function lives(process: LiveProcess): boolean {
  return startTicks(process.pid) === process.startTicks;
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

/** Pids of a process's children; none where the kernel does not tell (CONFIG_PROC_CHILDREN). */
export function childrenOf(pid: number): readonly number[] {
  const text = textOf(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

/** Ends a process and, if it leads one, its group. */
export function killGroupOf(process: LiveProcess): void {
  if (lives(process) && !signal(-process.pid, 'SIGKILL')) signal(process.pid, 'SIGKILL');
}

/** Every pid of this host's /proc. */
export function allPids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
