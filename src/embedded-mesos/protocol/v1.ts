/**
 * Apache Mesos's v1 messages as typed values, in the JSON dialect of its HTTP API (snake_case, `{value}` ids, enums as names).
 * The scheduler speaks nothing else: in-process and HTTP transports carry these very values.
 */

export interface Value<T> {
  readonly value: T;
}
export type IdValue = Value<string>;

export interface Label {
  readonly key: string;
  readonly value?: string;
}
export interface Labels {
  readonly labels: readonly Label[];
}

export interface Range {
  readonly begin: number;
  readonly end: number;
}
export interface Ranges {
  readonly range: readonly Range[];
}
export type ValueType = 'SCALAR' | 'RANGES' | 'SET' | 'TEXT';

export interface Attribute {
  readonly name: string;
  readonly type: ValueType;
  readonly scalar?: Value<number>;
  readonly ranges?: Ranges;
  readonly set?: { readonly item: readonly string[] };
  readonly text?: Value<string>;
}

export interface ReservationInfo {
  readonly type?: 'STATIC' | 'DYNAMIC';
  readonly role: string;
  readonly principal?: string;
  readonly labels?: Labels;
}

export interface Resource {
  readonly name: string;
  readonly type: 'SCALAR' | 'RANGES' | 'SET';
  readonly scalar?: Value<number>;
  readonly ranges?: Ranges;
  readonly set?: { readonly item: readonly string[] };
  /** Deprecated by reservations, still on the wire: `*` when unreserved. */
  readonly role?: string;
  readonly allocation_info?: { readonly role: string };
  readonly reservations?: readonly ReservationInfo[];
  readonly disk?: DiskInfo;
  readonly revocable?: Readonly<Record<string, never>>;
  readonly shared?: Readonly<Record<string, never>>;
  readonly provider_id?: IdValue;
}

export interface DiskInfo {
  readonly persistence?: { readonly id: string; readonly principal?: string };
  readonly volume?: Volume;
  readonly source?: {
    readonly type: 'PATH' | 'MOUNT' | 'BLOCK' | 'RAW';
    readonly path?: { readonly root?: string };
    readonly mount?: { readonly root?: string };
    readonly id?: string;
    readonly profile?: string;
  };
}

export interface Volume {
  readonly mode: 'RW' | 'RO';
  readonly container_path: string;
  readonly host_path?: string;
}

export interface FrameworkInfo {
  readonly user: string;
  readonly name: string;
  readonly id?: IdValue;
  readonly failover_timeout?: number;
  readonly checkpoint?: boolean;
  readonly roles?: readonly string[];
  readonly role?: string;
  readonly hostname?: string;
  readonly principal?: string;
  readonly webui_url?: string;
  readonly capabilities?: readonly { readonly type: FrameworkCapability }[];
  readonly labels?: Labels;
}

export type FrameworkCapability =
  | 'REVOCABLE_RESOURCES'
  | 'TASK_KILLING_STATE'
  | 'GPU_RESOURCES'
  | 'SHARED_RESOURCES'
  | 'PARTITION_AWARE'
  | 'MULTI_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'REGION_AWARE';

export interface EnvironmentVariable {
  readonly name: string;
  readonly type?: 'VALUE' | 'SECRET';
  readonly value?: string;
}

export interface CommandUri {
  readonly value: string;
  readonly executable?: boolean;
  readonly extract?: boolean;
  readonly cache?: boolean;
  readonly output_file?: string;
}

export interface CommandInfo {
  readonly uris?: readonly CommandUri[];
  readonly environment?: { readonly variables: readonly EnvironmentVariable[] };
  /** True (default): `value` runs as `/bin/sh -c value`. False: `value` is the program, `arguments` its argv with argv[0]. */
  readonly shell?: boolean;
  readonly value?: string;
  readonly arguments?: readonly string[];
  readonly user?: string;
}

export interface KillPolicy {
  readonly grace_period?: { readonly nanoseconds: number };
}

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
  readonly ports?: { readonly ports: readonly Port[] };
  readonly labels?: Labels;
}

export interface TaskInfo {
  readonly name: string;
  readonly task_id: IdValue;
  readonly agent_id: IdValue;
  readonly resources: readonly Resource[];
  readonly command?: CommandInfo;
  readonly kill_policy?: KillPolicy;
  readonly labels?: Labels;
  readonly discovery?: DiscoveryInfo;
  readonly data?: string;
  /** Absent key = no limit; `Infinity` is carried as the text "Infinity". */
  readonly limits?: Readonly<Record<string, Value<number | 'Infinity'>>>;
}

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED'
  | 'TASK_ERROR'
  | 'TASK_LOST'
  | 'TASK_DROPPED'
  | 'TASK_UNREACHABLE'
  | 'TASK_GONE'
  | 'TASK_GONE_BY_OPERATOR'
  | 'TASK_UNKNOWN';

const terminalStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_LOST',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

/** Mesos's `isTerminalState` (mesos.md 1.8.1): UNREACHABLE and UNKNOWN are not. */
export function isTerminalState(state: TaskState): boolean {
  return terminalStates.has(state);
}

export interface ContainerStatus {
  readonly container_id?: IdValue;
  readonly network_infos?: readonly {
    readonly name?: string;
    readonly ip_addresses?: readonly { readonly protocol?: 'IPv4' | 'IPv6'; readonly ip_address: string }[];
  }[];
  readonly executor_pid?: number;
}

export interface TaskStatus {
  readonly task_id: IdValue;
  readonly state: TaskState;
  readonly message?: string;
  readonly source?: 'SOURCE_MASTER' | 'SOURCE_AGENT' | 'SOURCE_EXECUTOR';
  /** `REASON_...` */
  readonly reason?: string;
  readonly data?: string;
  readonly agent_id?: IdValue;
  readonly executor_id?: IdValue;
  /** Seconds since the epoch, fractional. */
  readonly timestamp?: number;
  /** Base64. Present = must be acknowledged; absent = made by the master. */
  readonly uuid?: string;
  readonly healthy?: boolean;
  readonly labels?: Labels;
  readonly container_status?: ContainerStatus;
  readonly unreachable_time?: { readonly nanoseconds: number };
  readonly limitation?: { readonly resources: readonly Resource[] };
}

export interface Offer {
  readonly id: IdValue;
  readonly framework_id: IdValue;
  readonly agent_id: IdValue;
  readonly hostname: string;
  readonly url?: {
    readonly scheme: string;
    readonly address: { readonly hostname?: string; readonly ip?: string; readonly port: number };
    readonly path?: string;
  };
  readonly domain?: {
    readonly fault_domain?: { readonly region: { readonly name: string }; readonly zone: { readonly name: string } };
  };
  readonly resources: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly executor_ids?: readonly IdValue[];
  readonly unavailability?: {
    readonly start: { readonly nanoseconds: number };
    readonly duration?: { readonly nanoseconds: number };
  };
  readonly allocation_info?: { readonly role: string };
}

/** Unset = 5 s (mesos.md 1.7.1). */
export interface Filters {
  readonly refuse_seconds?: number;
}

export type Operation = { readonly type: 'LAUNCH'; readonly launch: { readonly task_infos: readonly TaskInfo[] } };

export type Call =
  | { readonly type: 'SUBSCRIBE'; readonly framework_id?: IdValue; readonly subscribe: { readonly framework_info: FrameworkInfo; readonly suppressed_roles?: readonly string[] } }
  | { readonly type: 'TEARDOWN'; readonly framework_id: IdValue }
  | { readonly type: 'ACCEPT'; readonly framework_id: IdValue; readonly accept: { readonly offer_ids: readonly IdValue[]; readonly operations?: readonly Operation[]; readonly filters?: Filters } }
  | { readonly type: 'DECLINE'; readonly framework_id: IdValue; readonly decline: { readonly offer_ids: readonly IdValue[]; readonly filters?: Filters } }
  | { readonly type: 'REVIVE'; readonly framework_id: IdValue; readonly revive?: { readonly roles?: readonly string[] } }
  | { readonly type: 'SUPPRESS'; readonly framework_id: IdValue; readonly suppress?: { readonly roles?: readonly string[] } }
  | { readonly type: 'KILL'; readonly framework_id: IdValue; readonly kill: { readonly task_id: IdValue; readonly agent_id?: IdValue; readonly kill_policy?: KillPolicy } }
  | { readonly type: 'ACKNOWLEDGE'; readonly framework_id: IdValue; readonly acknowledge: { readonly agent_id: IdValue; readonly task_id: IdValue; readonly uuid: string } }
  | { readonly type: 'RECONCILE'; readonly framework_id: IdValue; readonly reconcile: { readonly tasks: readonly { readonly task_id: IdValue; readonly agent_id?: IdValue }[] } };

export type Event =
  | { readonly type: 'SUBSCRIBED'; readonly subscribed: { readonly framework_id: IdValue; readonly heartbeat_interval_seconds?: number; readonly master_info?: MasterInfo } }
  | { readonly type: 'OFFERS'; readonly offers: { readonly offers: readonly Offer[] } }
  | { readonly type: 'RESCIND'; readonly rescind: { readonly offer_id: IdValue } }
  | { readonly type: 'UPDATE'; readonly update: { readonly status: TaskStatus } }
  | { readonly type: 'FAILURE'; readonly failure: { readonly agent_id?: IdValue; readonly executor_id?: IdValue; readonly status?: number } }
  | { readonly type: 'ERROR'; readonly error: { readonly message: string } }
  | { readonly type: 'HEARTBEAT' };

export interface MasterInfo {
  readonly id: string;
  readonly ip: number;
  readonly port: number;
  readonly hostname?: string;
  readonly pid?: string;
  readonly version?: string;
  readonly address?: { readonly hostname?: string; readonly ip?: string; readonly port: number };
}

export interface AgentInfo {
  readonly id?: IdValue;
  readonly hostname: string;
  readonly port: number;
  readonly resources: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly domain?: Offer['domain'];
}

/**
 * How the scheduler reaches a master. The embedded one answers in-process, a real Mesos over HTTP; the scheduler
 * cannot tell them apart. Calls are asynchronous: their outcome comes back as events, or not at all (lost calls are
 * healed by reconciliation).
 */
export interface SchedulerDriver {
  /** Connects; events arrive through `onEvent` one at a time, in order, never before `start` returned. `onDisconnected` when the line to the master breaks. */
  start(handlers: { onEvent(event: Event): void; onDisconnected(): void }): void;
  /** Sends a call. Never throws; a call while disconnected is dropped. */
  call(call: Call): void;
  stop(): void;
}
