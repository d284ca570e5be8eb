import type { DockerSpec } from './docker/docker-spec.js';

/**
 * The format of everything that lies on disk for a running container: tasks outlive upgrades. Supervisors of format 1 (a
 * shell script each, in a session of their own) and of format 2 (no namespaces) keep the same records and may still run.
 */
export const CONTAINER_FORMAT = 3;

/** Who a container's processes are. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one included. */
  readonly groups: readonly number[];
}

export interface IoLimits {
  /** Share among those who compete, 1 to 10000; 100 is the usual one. */
  readonly weight?: number;
  readonly bytesPerSecond?: number;
  readonly operationsPerSecond?: number;
}

/** What a container may use. */
export interface ContainerLimits {
  /** Requested share of processors. */
  readonly cpus: number;
  /** Requested memory; the hard limit too unless `memLimitMiB` says otherwise. */
  readonly memMiB: number;
  /** A hard ceiling of processors; absent or Infinity = none. */
  readonly cpusLimit?: number;
  /** A hard ceiling of memory above the request; Infinity = none. */
  readonly memLimitMiB?: number;
  /** Processes and threads at once; absent: the agent's default. */
  readonly pids?: number;
  /** Reads and writes of the block device that the sandbox lies on; each of both directions. */
  readonly io?: IoLimits;
  /** Bytes in the sandbox; absent: measured, not enforced. */
  readonly diskMiB?: number;
}

/** A file or folder of the host that a container sees. */
export interface MountSpec {
  /** Absolute path on the host, resolved by the agent. */
  readonly source: string;
  /** Absolute path inside, or relative to the sandbox. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** What a further program needs to join a running container: an agent-side check, a session of `exec`. */
export interface Entrance {
  /** The main process, as the host counts; its namespaces and root are the container's. */
  readonly pid: number;
  /** The namespaces that differ from the agent's. */
  readonly namespaces: readonly ('pid' | 'ipc' | 'mount' | 'net' | 'uts' | 'cgroup')[];
  /** Absent: the agent's own account. */
  readonly account?: Account;
  /** cgroup folders whose `cgroup.procs` the joining process writes itself into. */
  readonly cgroups: readonly string[];
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  /** Where it starts, as seen inside. */
  readonly workingFolder: string;
  /** A container of an engine, which is to be asked to start the program: it alone can give it the container's rights. */
  readonly engine?: { readonly socketPath: string; readonly container: string };
}

/** Everything needed to run one container. */
export interface ContainerSpec {
  /** A UUID; names its cgroups, records, sandbox and output. */
  readonly id: string;
  /** `shell`: `value` runs as `/bin/sh -c value`; otherwise `value` is the program and `arguments` its argv (argv[0] first). */
  readonly command: {
    readonly shell: boolean;
    readonly value: string;
    readonly arguments: readonly string[];
  };
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  /** Absent: the agent's own account. */
  readonly account?: Account;
  readonly limits: ContainerLimits;
  /** `strict`: private /tmp, no new privileges, bounded capabilities, the host's paths read-only. */
  readonly isolation?: 'strict';
  /** Host files, folders and secret files that it sees; as a process of this host only in a mount namespace of its own. */
  readonly mounts?: readonly MountSpec[];
  /** A network of its own with these ports forwarded; absent: the host's network. Docker containers say it in `docker`. */
  readonly bridge?: {
    readonly portMappings: readonly {
      readonly hostPort: number;
      readonly containerPort: number;
      readonly protocols: readonly ('tcp' | 'udp')[];
    }[];
  };
  /** Runs from an image by the Docker engine; absent: as a process of this host. */
  readonly docker?: DockerSpec;
}

/** How the main process ended. */
export type ProcessExit = { readonly code: number } | { readonly signal: number };

/** The kernel killed for memory. */
export interface MemoryLimitation {
  readonly limitMiB: number;
  readonly maxUsedMiB: number;
  /** The message for the status: sizes, the kernel's statistics, the largest processes. */
  readonly message: string;
}

/** How a container ended; said once, when nothing of it runs any more and its output is on disk. */
export interface ContainerEnd {
  /** Absent when it never ran, or when its supervisor was lost. */
  readonly exit?: ProcessExit;
  readonly limitation?: MemoryLimitation;
  /** Why it could not be run or kept, as a sentence. */
  readonly failure?: string;
  /** Stopped before anything of it ran. */
  readonly cancelled?: true;
  /** Processes that the kernel would not let go of within the bound; they hold no cpu, but may hold memory. */
  readonly stuckPids?: readonly number[];
  /** What it used from its begin to its end, as far as the isolation counts that. */
  readonly use?: ContainerUse;
}

export interface ContainerUse {
  readonly peakMemoryBytes?: number;
  readonly cpuSeconds?: number;
}

export type ContainerEvent =
  /** What is done before its program runs, in words: a pull and how far it is, an engine that does not answer. */
  | { readonly type: 'progress'; readonly id: string; readonly message: string }
  /** The task's own program has been exec'd. `ipAddress`: its own, in a network of its own. */
  | { readonly type: 'started'; readonly id: string; readonly pid: number; readonly ipAddress?: string }
  | { readonly type: 'ended'; readonly id: string; readonly end: ContainerEnd };

export interface BlkioValue {
  readonly op: 'READ' | 'WRITE' | 'DISCARD';
  readonly value: number;
}

/** Mesos's CgroupInfo.Blkio.Statistics: an entry for each device, and one without a device for all of them. */
export interface BlkioStatistics {
  readonly throttling: readonly {
    readonly device?: { readonly major_number: number; readonly minor_number: number };
    readonly io_serviced: readonly BlkioValue[];
    readonly io_service_bytes: readonly BlkioValue[];
  }[];
}

/** Mesos's ResourceStatistics, the fields that we know. Counters count from the container's begin. */
export interface ResourceStatistics {
  readonly timestamp: number;
  readonly processes?: number;
  readonly threads?: number;
  readonly cpus_limit?: number;
  readonly cpus_soft_limit?: number;
  readonly cpus_user_time_secs?: number;
  readonly cpus_system_time_secs?: number;
  readonly cpus_nr_periods?: number;
  readonly cpus_nr_throttled?: number;
  readonly cpus_throttled_time_secs?: number;
  readonly mem_limit_bytes?: number;
  readonly mem_soft_limit_bytes?: number;
  readonly mem_total_bytes?: number;
  readonly mem_rss_bytes?: number;
  readonly mem_cache_bytes?: number;
  readonly mem_mapped_file_bytes?: number;
  readonly mem_anon_bytes?: number;
  readonly mem_file_bytes?: number;
  readonly mem_swap_bytes?: number;
  readonly mem_unevictable_bytes?: number;
  /** longrun's own: what cannot be given up without harm (all that is charged but inactive file pages). */
  readonly mem_working_set_bytes?: number;
  /** longrun's own: the most that was ever charged, page cache included. */
  readonly mem_peak_bytes?: number;
  readonly disk_used_bytes?: number;
  readonly disk_limit_bytes?: number;
  readonly blkio_statistics?: BlkioStatistics;
  /**
   * longrun's own, where the kernel keeps pressure stall information for groups (version 2): for how long some of its threads, or
   * all that had work to do, stood still for want of a resource.
   */
  readonly pressure_cpu_some_secs?: number;
  readonly pressure_memory_some_secs?: number;
  readonly pressure_memory_full_secs?: number;
  readonly pressure_io_some_secs?: number;
  readonly pressure_io_full_secs?: number;
  /** Of a network of its own only. */
  readonly net_rx_bytes?: number;
  readonly net_rx_packets?: number;
  readonly net_rx_errors?: number;
  readonly net_rx_dropped?: number;
  readonly net_tx_bytes?: number;
  readonly net_tx_packets?: number;
  readonly net_tx_errors?: number;
  readonly net_tx_dropped?: number;
}

/** A container known from checkpoints at a start. */
export interface KnownContainer {
  readonly spec: ContainerSpec;
}

/**
 * Runs containers that outlive it.
 *
 * INVARIANTS
 * - At most one copy of a container ever runs, however often `launch` is asked, across crashes of anything.
 * - `ended` comes exactly once per life of the containerizer, after the last process is gone; a recovered container whose
 *   end was not yet `forget`-ed says it again, with the same content.
 */
export interface Containerizer {
  /** What it isolates with, e.g. `cgroup-v2`. */
  readonly isolationKind: string;
  /** Sentences on what it cannot isolate on this host. */
  readonly gaps: readonly string[];
  /** Re-attaches to known containers and destroys every other one of this work dir. Events may come before it resolves. */
  start(known: readonly KnownContainer[]): Promise<void>;
  /**
   * The id for the next container: of one that is made already and waits for its orders, else a fresh UUID. Given out once;
   * one that is not launched after all is to be forgotten. `image`: it will run from an image.
   */
  nextId(image?: boolean): string;
  /** Runs a container (idempotent); the outcome comes as events. */
  launch(spec: ContainerSpec): void;
  /** SIGTERM to the main process group, then after `graceMs` SIGKILL to everything. Again: may only shorten the grace. */
  kill(id: string, graceMs: number): void;
  /** Changes limits of a running container; memory is only ever raised. */
  update(id: string, limits: ContainerLimits): void;
  statistics(id: string): ResourceStatistics | undefined;
  /** How to join a running container; undefined when it does not run. */
  entrance?(id: string): Promise<Entrance | undefined>;
  /** Drops the records of an ended container, whose sandbox and output stay, or an id that is not launched after all. */
  forget(id: string): void;
  /** Removes sandbox and output of a forgotten container. */
  removeSandbox(id: string): Promise<void>;
  /** Containers run on; nothing of the containerizer does. */
  stop(): Promise<void>;
}
