import type { Brand } from '../util/brand.js';
import type { Timestamp } from '../util/timestamp.js';
import type { Container } from './container.js';
import type { LoadBalancerOptions } from './load-balancer-options.js';

/** Absolute path of an app: `/a/b`. Made only by `apps/path.ts`. */
export type AppId = Brand<string, 'AppId'>;

export type ConstraintOperator = 'UNIQUE' | 'CLUSTER' | 'GROUP_BY' | 'LIKE' | 'UNLIKE' | 'MAX_PER' | 'IS';
/** `[field, operator]` or `[field, operator, value]`, operator upper-cased. */
export type Constraint = readonly [field: string, operator: ConstraintOperator, value?: string];

export interface PortDefinition {
  /** The service port; 0 only before assignment. */
  readonly port: number;
  readonly name?: string;
  readonly protocol: 'tcp' | 'udp' | 'udp,tcp';
  readonly labels?: Readonly<Record<string, string>>;
}

/** The text itself, or the name under which `secrets` says where it comes from. */
export type EnvironmentValue = string | { readonly secret: string };

export interface Network {
  readonly mode: 'host' | 'container/bridge' | 'container';
  /** Of container networks only. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Something the agent fetches into the sandbox before the task starts. */
export interface Artifact {
  readonly uri: string;
  readonly extract: boolean;
  readonly executable: boolean;
  readonly cache: boolean;
  /** Relative to the sandbox. */
  readonly destPath?: string;
}

/** What a custom executor needs besides its task. */
export interface ExecutorResources {
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
}

/** How much more than it asked for a task may use; an absent one leaves it to the agent. */
export interface ResourceLimits {
  readonly cpus?: number | 'unlimited';
  readonly mem?: number | 'unlimited';
}

/** Probed by longrun itself. */
export type ProbedProtocol = 'HTTP' | 'HTTPS' | 'TCP';
/** Carried out by the agent. */
export type AgentSideProtocol = 'COMMAND' | 'MESOS_HTTP' | 'MESOS_HTTPS' | 'MESOS_TCP';
export type HealthCheckProtocol = ProbedProtocol | AgentSideProtocol;
export interface HealthCheck {
  readonly protocol: HealthCheckProtocol;
  readonly path?: string;
  readonly port?: number;
  readonly portIndex?: number;
  /** Of COMMAND checks. */
  readonly command?: { readonly value: string };
  /** Of MESOS_* checks in Docker containers. */
  readonly ipProtocol?: 'IPv4' | 'IPv6';
  readonly gracePeriodSeconds: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly maxConsecutiveFailures: number;
  readonly delaySeconds?: number;
  readonly ignoreHttp1xx?: boolean;
}

/** A check whose result is only shown: it neither kills nor gates. Exactly one of `http`, `tcp` and `exec`. */
export interface Check {
  readonly http?: {
    readonly path?: string;
    readonly port?: number;
    readonly portIndex?: number;
    readonly scheme: 'HTTP' | 'HTTPS';
  };
  readonly tcp?: { readonly port?: number; readonly portIndex?: number };
  readonly exec?: { readonly command: { readonly shell?: string; readonly argv?: readonly string[] } };
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly delaySeconds: number;
}

export interface ReadinessCheck {
  readonly name: string;
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly path: string;
  readonly portName: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly httpStatusCodesForReady: readonly number[];
  readonly preserveLastResponse: boolean;
}

export interface UpgradeStrategy {
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  /** longrun: a deployment of this app that is not done after so many seconds is overdue. */
  readonly deadlineSeconds?: number;
  /** longrun: what an overdue deployment does; without it, it waits as Marathon's do, visibly overdue. */
  readonly onFailure?: 'hold' | 'rollback';
}

export type UnreachableStrategy =
  | 'disabled'
  | { readonly inactiveAfterSeconds: number; readonly expungeAfterSeconds: number };

export type { LoadBalancerOptions } from './load-balancer-options.js';

/** An app as it is wanted, normalised and validated; what `/v2/apps` answers, without the counters. */
export interface App {
  readonly id: AppId;
  readonly cmd?: string;
  readonly args?: readonly string[];
  readonly user?: string;
  readonly env: Readonly<Record<string, EnvironmentValue>>;
  readonly instances: number;
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly gpus: number;
  readonly executor: string;
  readonly executorResources?: ExecutorResources;
  readonly resourceLimits?: ResourceLimits;
  /** longrun: a private /tmp, no new privileges, bounded capabilities, the host's files read-only. */
  readonly isolation?: 'strict';
  readonly constraints: readonly Constraint[];
  readonly acceptedResourceRoles?: readonly string[];
  readonly role: string;
  /** At least one. */
  readonly networks: readonly Network[];
  /** Empty unless networking is the host's: then the container's port mappings count. */
  readonly portDefinitions: readonly PortDefinition[];
  readonly requirePorts: boolean;
  readonly container?: Container;
  /** Absent when there is nothing to fetch. */
  readonly fetch?: readonly Artifact[];
  readonly check?: Check;
  readonly healthChecks: readonly HealthCheck[];
  readonly readinessChecks: readonly ReadinessCheck[];
  readonly backoffSeconds: number;
  readonly backoffFactor: number;
  readonly maxLaunchDelaySeconds: number;
  readonly taskKillGracePeriodSeconds?: number;
  readonly dependencies: readonly AppId[];
  readonly upgradeStrategy: UpgradeStrategy;
  readonly unreachableStrategy: UnreachableStrategy;
  readonly killSelection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST';
  readonly labels: Readonly<Record<string, string>>;
  /** Where secrets come from, by the name that refers to them; absent when there are none. */
  readonly secrets?: Readonly<Record<string, { readonly source: string }>>;
  readonly tty?: boolean;
  readonly loadBalancer?: LoadBalancerOptions;
  readonly version: Timestamp;
  readonly versionInfo: { readonly lastScalingAt: Timestamp; readonly lastConfigChangeAt: Timestamp };
}

/**
 * What is stored per app. `launchHash` stands for all that a running instance was made from (apps/decide/launch-hash.ts):
 * an instance is current when its hash equals its app's, whatever its version says.
 */
export interface AppRecord {
  readonly app: App;
  readonly launchHash: string;
  /** When the app was last restarted by request; part of the hash. */
  readonly restartedAt?: Timestamp;
  /**
   * True when the author gave port definitions (or deprecated `ports`) himself. Without explicit ports, a health check
   * or an LB label the load balancer serves nothing for the app.
   */
  readonly explicitPorts: boolean;
}
