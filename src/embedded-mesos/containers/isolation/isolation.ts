import type { ContainerLimits, ResourceStatistics } from '../containerizer.js';
import type { MemoryFacts } from '../decide/out-of-memory.js';

/** What a container's processes are kept in, and by what they are found again. */
export interface Isolation {
  readonly kind: 'cgroup-v1' | 'cgroup-v2' | 'process-group';
  /** Sentences on what is not isolated here; empty when everything is. */
  readonly gaps: readonly string[];
  /** Folders in which a container has its own `<id>/cgroup.procs`; the task joins each before its program starts. */
  readonly parents: readonly string[];
  /** Cgroups in which launcher, supervisors and pump live: apart from tasks, and from whatever may end the agent's own. */
  readonly supervisorGroups: readonly string[];
  /** A file that changes whenever the kernel does something about memory in any container; absent: it tells nobody. */
  readonly memoryEvents?: string;

  /** Makes the groups of this work dir. `sandboxes`: the folder on whose disk io is limited. */
  setUp(sandboxes: string): void;
  /** Makes a container's groups, as yet without limits (idempotent). */
  makeGroups(id: string): void;
  /** Makes a container's groups with their limits (idempotent). */
  prepare(id: string, limits: ContainerLimits): void;
  update(id: string, limits: ContainerLimits): void;
  /** Further folders with a `cgroup.procs` that the task joins, of controllers that only some containers ask for. */
  furtherGroups(id: string, limits: ContainerLimits): readonly string[];
  /** Live processes of the container. */
  members(id: string): readonly number[];
  /** One sweep of SIGKILL over all members, none of which can fork meanwhile; repeated by the caller until none is left. */
  killMembers(id: string): void;
  /** Removes the container's groups; false when the kernel still holds one (then again later). */
  remove(id: string): boolean;
  /** How often the kernel has killed in this container for memory; 0 when unknown. */
  oomKills(id: string): number;
  memoryFacts(id: string): MemoryFacts;
  statistics(id: string, timestamp: number): ResourceStatistics;
  /** Containers that have something here. */
  containers(): readonly string[];
  /** Ends what is left of the servants and removes the groups of this work dir, if empty. False when the kernel still holds one. */
  tearDown(): boolean;
}
