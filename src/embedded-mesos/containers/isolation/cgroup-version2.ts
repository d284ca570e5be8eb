import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerLimits, ResourceStatistics } from '../containerizer.js';
import { cpuWeight, raisesMemory, version2Writes } from '../decide/cgroup-values.js';
import { version2IoWrites } from '../decide/io-values.js';
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
  pidsOf,
  removeGroup,
  removeServants,
  SUPERVISORS,
  subGroups,
  tryControl,
  writeControl,
} from './cgroup-files.js';
import { ioDeviceOf, writeIo } from './io-device.js';
import type { Isolation } from './isolation.js';

const wanted = ['cpu', 'memory', 'pids'] as const;
/** Only for containers that ask for limits of io. */
const welcome = ['io'] as const;
const MOVE_ROUNDS = 10;

/**
 * Containers in cgroup version 2: `<mount>/longrun/<instance id>/<container id>`. Processes live only in groups without
 * children, as the kernel demands ("no internal processes").
 */
export class CgroupVersion2 implements Isolation {
  readonly kind = 'cgroup-v2';
  readonly parents: readonly string[];
  readonly supervisorGroups: readonly string[];
  /** Of the group above all containers: the kernel counts what happens below a group in it too. */
  readonly memoryEvents: string;
  #gaps: readonly string[] = [];
  readonly #top: string;
  readonly #folder: string;
  #ioDevice: string | undefined;

  constructor(
    /** The root of the hierarchy, or a group in it that is ours to use (delegated). */
    private readonly mountPoint: string,
    instanceId: string,
    private readonly pidsMax: number,
    private readonly hostCpus: number,
  ) {
    this.#top = join(mountPoint, 'longrun');
    this.#folder = join(this.#top, instanceId);
    this.parents = [this.#folder];
    this.supervisorGroups = [join(this.#folder, SUPERVISORS)];
    this.memoryEvents = join(this.#folder, 'memory.events');
  }

  get gaps(): readonly string[] {
    return this.#gaps;
  }

  setUp(sandboxes: string): void {
    this.#ioDevice = ioDeviceOf(sandboxes);
    this.#enable(this.mountPoint);
    makeGroup(this.#top);
    this.#enable(this.#top);
    makeGroup(this.#folder);
    this.#enable(this.#folder);
    makeGroup(join(this.#folder, SUPERVISORS));
    tryControl(join(this.#folder, 'cpu.weight'), String(cpuWeight(this.hostCpus)));
    const here = textOf(join(this.#folder, 'cgroup.subtree_control'))?.trim().split(' ') ?? [];
    this.#gaps = wanted
      .filter((controller) => !here.includes(controller))
      .map(
        (controller) => `the cgroup controller ${controller} cannot be enabled: tasks are not limited by it`,
      );
  }

  /** Hands the controllers on to the children of a group. */
  #enable(group: string): void {
    if (group === this.mountPoint) this.#moveAside(group);
    const control = join(group, 'cgroup.subtree_control');
    for (const controller of [...wanted, ...welcome]) tryControl(control, `+${controller}`);
  }

  /**
   * The root of a container's own hierarchy is no true root, nor is a delegated group: what lives in it moves to a child first.
   * The kernel would let such a group hand on cpu and pids all the same, but as a threaded one: then neither memory can be
   * handed on nor any process be moved into a child. True roots have no cgroup.type and are left alone.
   */
  #moveAside(group: string): void {
    const type = textOf(join(group, 'cgroup.type'))?.trim();
    if (type === undefined) return;
    const aside = join(group, 'longrun-host');
    if (type === 'domain threaded')
      for (const controller of [...wanted, ...welcome])
        tryControl(join(group, 'cgroup.subtree_control'), `-${controller}`);
    // Some may fork meanwhile.
    for (let round = 0; round < MOVE_ROUNDS; round++) {
      const pids = pidsOf(group);
      if (pids.length === 0) return;
      makeGroup(aside);
      for (const pid of pids) tryControl(join(aside, 'cgroup.procs'), String(pid));
    }
  }

  makeGroups(id: string): void {
    makeChildGroup(join(this.#folder, id));
  }

  prepare(id: string, limits: ContainerLimits): void {
    this.makeGroups(id);
    this.#write(id, limits, true);
  }

  furtherGroups(_id: string, _limits: ContainerLimits): readonly string[] {
    return [];
  }

  update(id: string, limits: ContainerLimits): void {
    this.#write(id, limits, raisesMemory(numberOf(this.#path(id, 'memory.max')), limits));
  }

  #write(id: string, limits: ContainerLimits, writeMemory: boolean): void {
    for (const { file, value, optional } of version2Writes(limits, this.pidsMax)) {
      if (!writeMemory && file === 'memory.max') continue;
      const path = this.#path(id, file);
      if (optional || !existsSync(path)) tryControl(path, value);
      else writeControl(path, value);
    }
    if (!limits.io) return;
    const group = existsSync(this.#path(id, 'io.max')) ? join(this.#folder, id) : undefined;
    writeIo(group, this.#ioDevice, limits.io, version2IoWrites);
  }

  #path(id: string, file: string): string {
    return join(this.#folder, id, file);
  }

  members(id: string): readonly number[] {
    return pidsBelow(join(this.#folder, id));
  }

  killMembers(id: string): void {
    if (tryControl(this.#path(id, 'cgroup.kill'), '1')) return;
    tryControl(this.#path(id, 'pids.max'), '0');
    tryControl(this.#path(id, 'cgroup.freeze'), '1');
    try {
      killAll(this.members(id));
    } finally {
      tryControl(this.#path(id, 'cgroup.freeze'), '0');
    }
  }

  remove(id: string): boolean {
    return removeGroup(join(this.#folder, id));
  }

  oomKills(id: string): number {
    return parseFlatKeyed(textOf(this.#path(id, 'memory.events')) ?? '').get('oom_kill') ?? 0;
  }

  memoryFacts(id: string): MemoryFacts {
    const peak = numberOf(this.#path(id, 'memory.peak'));
    const limitBytes = numberOf(this.#path(id, 'memory.max'));
    return {
      limitBytes,
      // Kernels before 5.19 keep no peak; at an out-of-memory kill it was the limit.
      maxUsedBytes: peak > 0 ? peak : limitBytes,
      statistics: textOf(this.#path(id, 'memory.stat')) ?? '',
    };
  }

  statistics(id: string, timestamp: number): ResourceStatistics {
    const members = this.members(id).length;
    return readGroups({ version: 2, folder: join(this.#folder, id) }, timestamp, members);
  }

  containers(): readonly string[] {
    return subGroups(this.#folder).filter((name) => name !== SUPERVISORS);
  }

  tearDown(): boolean {
    return removeServants(this.#folder);
  }
}
