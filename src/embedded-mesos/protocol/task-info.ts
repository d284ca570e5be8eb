import type { CheckInfo, HealthCheck } from './checks.js';
import type { CommandInfo, KillPolicy } from './command-info.js';
import type { ContainerInfo } from './container-info.js';
import type { Resource } from './resource.js';
import type { DurationInfo, IdValue, Labels, Value } from './values.js';

export interface Port {
  readonly number: number;
  readonly name?: string;
  readonly protocol?: string;
  readonly visibility?: 'FRAMEWORK' | 'CLUSTER' | 'EXTERNAL';
  readonly labels?: Labels;
}

export interface DiscoveryInfo {
  readonly visibility: 'FRAMEWORK' | 'CLUSTER' | 'EXTERNAL';
  readonly name?: string;
  readonly environment?: string;
  readonly location?: string;
  readonly version?: string;
  readonly ports?: { readonly ports: readonly Port[] };
  readonly labels?: Labels;
}

/** Exactly one of `command` and `executor` says what runs. */
export interface TaskInfo {
  readonly name: string;
  readonly task_id: IdValue;
  readonly agent_id: IdValue;
  readonly resources: readonly Resource[];
  readonly executor?: ExecutorInfo;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly health_check?: HealthCheck;
  readonly check?: CheckInfo;
  readonly kill_policy?: KillPolicy;
  readonly labels?: Labels;
  readonly discovery?: DiscoveryInfo;
  /** Base64. */
  readonly data?: string;
  readonly max_completion_time?: DurationInfo;
  /** Absent key = no limit; `Infinity` is carried as the text "Infinity". */
  readonly limits?: Readonly<Record<string, Value<number | 'Infinity'>>>;
}

/** DEFAULT: Mesos's own executor for task groups (no command); CUSTOM: `command` starts it. */
export interface ExecutorInfo {
  readonly type?: 'DEFAULT' | 'CUSTOM';
  readonly executor_id: IdValue;
  readonly framework_id?: IdValue;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly resources?: readonly Resource[];
  readonly name?: string;
  /** Deprecated. */
  readonly source?: string;
  /** Base64. */
  readonly data?: string;
  readonly discovery?: DiscoveryInfo;
  readonly shutdown_grace_period?: DurationInfo;
  readonly labels?: Labels;
}

/** Tasks that are launched all or none, under one executor. */
export interface TaskGroupInfo {
  readonly tasks: readonly TaskInfo[];
}
