/** A process that the kernel may have killed. */
export interface Suspect {
  /** As the host counts; 0 = not known. */
  readonly pid: number;
  /** A word in the name of its group of memory that no other group has: the engine's id of its container. */
  readonly group: string;
}

/** Says of a group's limit; the host's own shortage reads `Out of memory: ...`. Older kernels say `Kill process`. */
const KILL = /Memory cgroup out of memory: Kill(?:ed)? process (\d+) /;
/** Told before each of the former, unless there are many of them (since 5.0). */
const GROUP = /oom-kill:constraint=CONSTRAINT_MEMCG,\S*oom_memcg=([^,]*),/;

/** Whether a record of the kernel's log tells that it killed this one at its group's limit of memory. */
export function tellsOfKill(record: string, { pid, group }: Suspect): boolean {
  const killed = KILL.exec(record)?.[1];
  if (killed !== undefined) return Number(killed) === pid;
  return GROUP.exec(record)?.[1]?.includes(group) === true;
}
