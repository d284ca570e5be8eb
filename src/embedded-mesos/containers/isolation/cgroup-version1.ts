import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerLimits, ResourceStatistics } from '../containerizer.js';
import { cpuShares, raisesMemory, version1Writes } from '../decide/cgroup-values.js';
import { version1IoWrites } from '../decide/io-values.js';
import type { Hierarchy } from '../decide/mount-table.js';
import type { MemoryFacts } from '../decide/out-of-memory.js';
import { parseFlatKeyed } from '../decide/proc-text.js';
import { textOf } from '../processes.js';
import { readGroups } from '../statistics/read-groups.js';
import {
  killAll,
  makeChildGroup,
  makeGroup,
  numberOf,
  pidsBelow,
  removeGroup,
  removeServants,
  SUPERVISORS,
  subGroups,
  tryControl,
  writeControl,
} from './cgroup-files.js';
import { ioDeviceOf, writeIo } from './io-device.js';
import type { Isolation } from './isolation.js';

/** Controllers that a container gets a group in, as far as they are mounted. */
const wanted = ['cpu', 'cpuacct', 'memory', 'pids', 'freezer'] as const;
type Controller = (typeof wanted)[number];

/** Containers in cgroup version 1: one group per mounted controller, `<mount>/longrun/<instance id>/<container id>`. */
export class CgroupVersion1 implements Isolation {
  readonly kind = 'cgroup-v1';
  readonly gaps: readonly string[];
  readonly parents: readonly string[];
  readonly supervisorGroups: readonly string[];
  readonly #folder = new Map<Controller, string>();
  readonly #extra: readonly string[];
  /** The folder of the controller for io, where one is mounted: only containers that ask for it get a group there. */
  readonly #io: string | undefined;
  #ioDevice: string | undefined;

  /** `hierarchies`: all that are mounted; those without a controller of ours only hold the supervisors. */
  constructor(
    hierarchies: readonly Hierarchy[],
    instanceId: string,
    private readonly pidsMax: number,
    private readonly hostCpus: number,
  ) {
    const below = ({ mountPoint }: Hierarchy): string => join(mountPoint, 'longrun', instanceId);
    for (const controller of wanted) {
      const hierarchy = hierarchies.find(
        ({ version, controllers }) => version === 1 && controllers.includes(controller),
      );
      if (hierarchy) this.#folder.set(controller, below(hierarchy));
    }
    const io = hierarchies.find(({ version, controllers }) => version === 1 && controllers.includes('blkio'));
    this.#io = io && below(io);
    this.parents = [...new Set(this.#folder.values())];
    this.#extra = hierarchies
      .filter(({ version, controllers }) => version === 2 || controllers.includes('name=systemd'))
      .map(below);
    this.supervisorGroups = [...this.parents, ...this.#extra].map((folder) => join(folder, SUPERVISORS));
    this.gaps = wanted
      .filter((controller) => controller !== 'cpuacct' && !this.#folder.has(controller))
      .map((controller) => `the cgroup controller ${controller} is not mounted: tasks are not limited by it`);
  }

  setUp(sandboxes: string): void {
    this.#ioDevice = ioDeviceOf(sandboxes);
    for (const folder of this.parents) {
      makeGroup(folder);
      makeGroup(join(folder, SUPERVISORS));
    }
    const memory = this.#folder.get('memory');
    if (memory && numberOf(join(memory, 'memory.use_hierarchy')) === 0)
      tryControl(join(memory, 'memory.use_hierarchy'), '1');
    const cpu = this.#folder.get('cpu');
    if (cpu) tryControl(join(cpu, 'cpu.shares'), String(cpuShares(this.hostCpus)));
    for (const folder of this.#extra) {
      try {
        makeGroup(join(folder, SUPERVISORS));
      } catch {
        // A hierarchy that we may not write to holds no task of ours; supervisors then stay in the agent's group of it.
      }
    }
  }

  makeGroups(id: string): void {
    for (const folder of this.parents) makeChildGroup(join(folder, id));
  }

  prepare(id: string, limits: ContainerLimits): void {
    this.makeGroups(id);
    this.#write(id, limits, 'new');
  }

  furtherGroups(id: string, { io }: ContainerLimits): readonly string[] {
    return io && this.#io !== undefined ? [join(this.#io, id)] : [];
  }

  update(id: string, limits: ContainerLimits): void {
    this.#write(id, limits, 'raised');
  }

  #write(id: string, limits: ContainerLimits, made: 'new' | 'raised'): void {
    const current = numberOf(this.#path(id, 'memory', 'memory.limit_in_bytes'));
    const writeMemory = made === 'new' || raisesMemory(current, limits);
    for (const { controller, file, value, optional } of version1Writes(limits, this.pidsMax, made)) {
      if (!this.#folder.has(controller)) continue;
      if (!writeMemory && file.endsWith('limit_in_bytes') && file !== 'memory.soft_limit_in_bytes') continue;
      const path = this.#path(id, controller, file);
      if (optional) tryControl(path, value);
      else writeControl(path, value);
    }
    if (!limits.io) return;
    const group = this.#io === undefined ? undefined : join(this.#io, id);
    if (group) makeGroup(group);
    writeIo(group, this.#ioDevice, limits.io, version1IoWrites);
  }

  #path(id: string, controller: Controller, file: string): string {
    return join(this.#folder.get(controller) ?? '/nonexistent', id, file);
  }

  /** One hierarchy tells: who leaves it (a task of root could) is found when the others cannot be removed. */
  members(id: string): readonly number[] {
    return pidsBelow(join(this.#folder.get('freezer') ?? this.parents[0] ?? '/nonexistent', id));
  }

  #membersAnywhere(id: string): readonly number[] {
    return [...new Set(this.parents.flatMap((folder) => pidsBelow(join(folder, id))))];
  }

  killMembers(id: string): void {
    tryControl(this.#path(id, 'pids', 'pids.max'), '0');
    const state = this.#path(id, 'freezer', 'freezer.state');
    const frozen = tryControl(state, 'FROZEN');
    try {
      killAll(this.#membersAnywhere(id));
    } finally {
      if (frozen) tryControl(state, 'THAWED');
    }
  }

  remove(id: string): boolean {
    const folders = this.#io === undefined ? this.parents : [...this.parents, this.#io];
    return folders.map((folder) => removeGroup(join(folder, id))).every(Boolean);
  }

  oomKills(id: string): number {
    return parseFlatKeyed(textOf(this.#path(id, 'memory', 'memory.oom_control')) ?? '').get('oom_kill') ?? 0;
  }

  memoryFacts(id: string): MemoryFacts {
    return {
      limitBytes: numberOf(this.#path(id, 'memory', 'memory.limit_in_bytes')),
      maxUsedBytes: numberOf(this.#path(id, 'memory', 'memory.max_usage_in_bytes')),
      statistics: textOf(this.#path(id, 'memory', 'memory.stat')) ?? '',
    };
  }

  statistics(id: string, timestamp: number): ResourceStatistics {
    const folderOf = (controller: string): string | undefined => {
      const folder = this.#folder.get(controller as Controller);
      return folder === undefined ? undefined : join(folder, id);
    };
    // Only containers with a limit of their own have it.
    const io = this.#io && join(this.#io, id);
    const folders = {
      cpu: folderOf('cpu'),
      cpuacct: folderOf('cpuacct'),
      memory: folderOf('memory'),
      pids: folderOf('pids'),
      blkio: io !== undefined && existsSync(io) ? io : undefined,
    };
    return readGroups({ version: 1, folders }, timestamp, this.members(id).length);
  }

  containers(): readonly string[] {
    return [...new Set(this.parents.flatMap(subGroups))].filter((name) => name !== SUPERVISORS);
  }

  tearDown(): boolean {
    const io = this.#io === undefined || removeGroup(this.#io);
    return [...this.parents, ...this.#extra].map(removeServants).every(Boolean) && io;
  }
}

/** Whether this process may make groups in a hierarchy. */
export function canMakeGroups({ mountPoint }: Hierarchy, instanceId: string): boolean {
  const folder = join(mountPoint, 'longrun', instanceId);
  try {
    makeGroup(folder);
    return existsSync(join(folder, 'cgroup.procs'));
  } catch {
    return false;
  }
}
