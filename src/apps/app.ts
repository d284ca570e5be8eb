import type { Brand } from '../util/brand.js';
import type { Timestamp } from '../util/timestamp.js';

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

export type HealthCheckProtocol = 'HTTP' | 'HTTPS' | 'TCP';
export interface HealthCheck {
  readonly protocol: HealthCheckProtocol;
  readonly path?: string;
  readonly port?: number;
  readonly portIndex?: number;
  readonly gracePeriodSeconds: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly maxConsecutiveFailures: number;
  readonly delaySeconds?: number;
  readonly ignoreHttp1xx?: boolean;
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

/** longrun: how the load balancer treats this app. */
export interface LoadBalancerOptions {
  /** How long requests in flight may take when an instance is taken out; default 30 s for HTTP, 10 s for TCP. */
  readonly drainSeconds?: number;
}

/** An app as it is wanted, normalised and validated; what `/v2/apps` answers, without the counters. */
export interface App {
  readonly id: AppId;
  readonly cmd?: string;
  readonly args?: readonly string[];
  readonly user?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly instances: number;
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly gpus: number;
  readonly executor: string;
  readonly constraints: readonly Constraint[];
  readonly acceptedResourceRoles?: readonly string[];
  readonly role: string;
  readonly networks: readonly { readonly mode: 'host' }[];
  readonly portDefinitions: readonly PortDefinition[];
  readonly requirePorts: boolean;
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
