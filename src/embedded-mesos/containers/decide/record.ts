import type { ProcessExit } from '../containerizer.js';
import { exitOfShellStatus } from './exit-meaning.js';

/** A process, named so that a reused pid is never taken for it (within one boot). */
export interface LiveProcess {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat. */
  readonly startTicks: string;
}

/** What the supervisor (or a canceller) wrote when it took the container. `torn`: made, but nothing in it yet. */
export type Claim = LiveProcess | 'cancelled' | 'torn';

/** What the supervisor wrote at the end: the task's exit, or why it never ran. */
export type ExitRecord = { readonly exit: ProcessExit } | { readonly failure: string };

/** The records of one container, as far as they are there and whole. */
export interface ContainerRecords {
  readonly supervisor?: Claim;
  /** The process of a warm container that waits, or waited, for its orders. */
  readonly waiting?: LiveProcess;
  readonly task?: LiveProcess;
  readonly exit?: ExitRecord;
}

const failures: Readonly<Record<string, string>> = {
  pipes: 'the pipes for its output could not be made',
  cgroup: 'its process could not be moved into its cgroup',
  namespaces: 'its namespaces could not be made',
  stage: 'its mounts or its network could not be made; its stderr says why',
  sandbox: 'its sandbox could not be entered',
  record: 'the record of its process could not be written',
  orders: 'it could not wait for its orders',
  early: 'its process ended before its program was started',
};

/** A record is one line `1 <words> end`, written by one write: without its `end` it is not yet there. */
function words(text: string | undefined): readonly string[] | undefined {
  const parts = text?.trimEnd().split(' ');
  if (parts?.[0] !== '1' || parts.at(-1) !== 'end') return undefined;
  return parts.slice(1, -1);
}

function identity(parts: readonly string[] | undefined): LiveProcess | undefined {
  const pid = Number(parts?.[0]);
  const startTicks = parts?.[1] ?? '';
  return Number.isInteger(pid) && /^\d+$/.test(startTicks) ? { pid, startTicks } : undefined;
}

/** Reads the texts of a container's record files (undefined = no such file). */
export function readRecords(texts: {
  supervisor?: string | undefined;
  warm?: string | undefined;
  task?: string | undefined;
  exit?: string | undefined;
}): ContainerRecords {
  const claimed = words(texts.supervisor);
  const supervisor =
    texts.supervisor === undefined
      ? undefined
      : claimed?.[0] === 'cancelled'
        ? 'cancelled'
        : (identity(claimed) ?? 'torn');
  const waiting = identity(words(texts.warm));
  const task = identity(words(texts.task));
  const ended = words(texts.exit);
  const status = Number(ended?.[1]);
  let exit: ExitRecord | undefined;
  if (ended?.[0] === 'exited' && Number.isInteger(status)) exit = { exit: exitOfShellStatus(status) };
  else if (ended?.[0] === 'failed') exit = { failure: failures[ended[1] ?? ''] ?? 'it could not be started' };
  return {
    ...(supervisor && { supervisor }),
    ...(waiting && { waiting }),
    ...(task && { task }),
    ...(exit && { exit }),
  };
}

/**
 * Where a container stands.
 * - `unclaimed`: no supervisor has taken it; it may still be launched or cancelled.
 * - `claimed`: a supervisor lives; nothing of the task runs yet (it may wait for its orders).
 * - `forked`: the task's process exists.
 * - `over`: its end is recorded. - `lost`: its supervisor died without recording one. - `cancelled`.
 */
export type Condition = 'unclaimed' | 'claimed' | 'forked' | 'over' | 'lost' | 'cancelled';

/** Judges records; `supervisorLives` is asked only for a supervisor whose identity is known. */
export function conditionOf(
  records: ContainerRecords,
  supervisorLives: (supervisor: LiveProcess) => boolean,
): Condition {
  const { supervisor, task, exit } = records;
  if (exit) return 'over';
  if (supervisor === undefined) return 'unclaimed';
  if (supervisor === 'cancelled') return 'cancelled';
  if (supervisor === 'torn') return 'claimed';
  if (!supervisorLives(supervisor)) return 'lost';
  return task ? 'forked' : 'claimed';
}
