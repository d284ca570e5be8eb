import { mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signal, textOf } from '../processes.js';

/** Name of the group in which launcher, supervisors and pump live; no container id looks like it. */
export const SUPERVISORS = 'supervisors';

/** Writes one value into a control file, with the file named in the error. */
export function writeControl(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch (error) {
    throw new Error(`cannot write ${JSON.stringify(value)} to ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** As `writeControl`, but a file that this kernel does not have, or does not let us write, is left out. True when written. */
export function tryControl(path: string, value: string): boolean {
  try {
    writeFileSync(path, value);
    return true;
  } catch {
    return false;
  }
}

export function makeGroup(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** Makes one group below another that is there; one that is there already is as good. */
export function makeChildGroup(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The pids of a group, none when it is not there. */
export function pidsOf(group: string): readonly number[] {
  const text = textOf(join(group, 'cgroup.procs'));
  return text ? text.split('\n').filter(Boolean).map(Number) : [];
}

/** A number of a control file; `max` is Infinity; 0 when the file is not there. */
export function numberOf(path: string): number {
  const text = textOf(path)?.trim();
  if (text === 'max') return Number.POSITIVE_INFINITY;
  return text ? Number(text) : 0;
}

/** Names of the groups below one. A folder's link count tells without reading it whether it has any (2 = none). */
export function subGroups(group: string): readonly string[] {
  try {
    if (statSync(group).nlink === 2) return [];
    return readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Removes a group and what a task made below it, leaves first. False when the kernel still holds one. */
export function removeGroup(path: string): boolean {
  let gone = true;
  for (const child of subGroups(path)) gone = removeGroup(join(path, child)) && gone;
  try {
    rmdirSync(path);
    return gone;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/**
 * Removes the supervisors' group of a work dir's folder, and the folder when no container is left in it. Who still lives in
 * that group serves nobody any more: a shell between two sleeps, a pump that was just started.
 */
export function removeServants(folder: string): boolean {
  const servants = join(folder, SUPERVISORS);
  if (!removeGroup(servants)) {
    if (subGroups(folder).length === 1) killAll(pidsOf(servants));
    return false;
  }
  return subGroups(folder).length > 0 || removeGroup(folder);
}

/** All pids of a group and of what a task (if root) made below it. */
export function pidsBelow(path: string): readonly number[] {
  const below = subGroups(path).flatMap((child) => pidsBelow(join(path, child)));
  return below.length > 0 ? [...pidsOf(path), ...below] : pidsOf(path);
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) if (pid > 1) signal(pid, 'SIGKILL');
}
