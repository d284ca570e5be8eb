import { startTicks } from '../../../util/process-identity.js';
import type { ContainerLimits, ResourceStatistics } from '../containerizer.js';
import type { MemoryFacts } from '../decide/out-of-memory.js';
import { allPids, textOf } from '../processes.js';
import { killAll } from './cgroup-files.js';
import type { Isolation } from './isolation.js';

const PAGE_BYTES = 4096;
const TICKS_PER_SECOND = 100;
const LOOK_SERVES_SECONDS = 1;
const MEMBER = /(?:^|\0)MESOS_CONTAINER_ID=([^\0]*)/;

/**
 * The fallback where no cgroup can be made: members are found by the variable MESOS_CONTAINER_ID in their environment, which
 * children inherit. A process that clears its environment escapes; nothing is limited.
 */
export class ProcessGroups implements Isolation {
  readonly kind = 'process-group';
  readonly parents: readonly string[] = [];
  readonly supervisorGroups: readonly string[] = [];
  readonly gaps: readonly string[];
  #looked:
    | { readonly timestamp: number; readonly members: ReadonlyMap<string, readonly number[]> }
    | undefined;

  /** `why`: the sentence that says why there are no cgroups. */
  constructor(why: string) {
    this.gaps = [
      `${why}: cpu, memory and number of processes of tasks are not limited`,
      'a task that runs out of memory is not told from one that was killed',
      'a child of a task that clears its environment and starts its own session outlives the task',
    ];
  }

  setUp(_sandboxes: string): void {}
  makeGroups(_id: string): void {}
  prepare(_id: string, _limits: ContainerLimits): void {}
  furtherGroups(_id: string, _limits: ContainerLimits): readonly string[] {
    return [];
  }
  update(_id: string, _limits: ContainerLimits): void {}

  members(id: string): readonly number[] {
    const mark = `MESOS_CONTAINER_ID=${id}`;
    return allPids().filter((pid) => {
      const environment = textOf(`/proc/${pid}/environ`);
      return (
        environment?.includes(mark) === true &&
        environment.split('\0').includes(mark) &&
        startTicks(pid) !== undefined
      );
    });
  }

  killMembers(id: string): void {
    killAll(this.members(id));
  }

  remove(_id: string): boolean {
    return true;
  }

  oomKills(_id: string): number {
    return 0;
  }

  memoryFacts(_id: string): MemoryFacts {
    return { limitBytes: 0, maxUsedBytes: 0, statistics: '' };
  }

  /** One look through /proc serves the statistics of all containers of a moment. */
  #membersAt(id: string, timestamp: number): readonly number[] {
    if (this.#looked === undefined || Math.abs(timestamp - this.#looked.timestamp) > LOOK_SERVES_SECONDS) {
      const members = new Map<string, number[]>();
      for (const pid of allPids()) {
        const [, container] = MEMBER.exec(textOf(`/proc/${pid}/environ`) ?? '') ?? [];
        if (container !== undefined) members.set(container, [...(members.get(container) ?? []), pid]);
      }
      this.#looked = { timestamp, members };
    }
    return this.#looked.members.get(id) ?? [];
  }

  statistics(id: string, timestamp: number): ResourceStatistics {
    const members = this.#membersAt(id, timestamp);
    let rss = 0;
    let user = 0;
    let system = 0;
    for (const pid of members) {
      rss += Number(textOf(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE_BYTES;
      const stat = textOf(`/proc/${pid}/stat`);
      const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
      user += Number(fields?.[11] ?? 0) / TICKS_PER_SECOND;
      system += Number(fields?.[12] ?? 0) / TICKS_PER_SECOND;
    }
    return {
      timestamp,
      processes: members.length,
      cpus_user_time_secs: user,
      cpus_system_time_secs: system,
      mem_rss_bytes: rss,
      mem_total_bytes: rss,
    };
  }

  containers(): readonly string[] {
    return [];
  }

  tearDown(): boolean {
    return true;
  }
}
