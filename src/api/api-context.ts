import type { AppId } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';
import type { GroupReadModel } from '../apps/group.js';
import type { GroupRequestRead } from '../apps/group-changes.js';
import type { AuditTrail } from '../auth/audit-trail.js';
import type { Authenticator } from '../auth/authenticator.js';
import type { TokenBook } from '../auth/token-book.js';
import type { Certificates } from '../certificates/certificates.js';
import type { Settings } from '../config/settings.js';
import type { Deployments } from '../deployments/deployment.js';
import type { EndpointBook } from '../discovery/endpoint-book.js';
import type { Offer } from '../embedded-mesos/protocol/v1.js';
import type { EventBus } from '../events/event-bus.js';
import type { DeploymentHistory } from '../history/deployment-history.js';
import type { TaskHistory } from '../history/task-history.js';
import type { Log } from '../logging/log.js';
import type { LogLevels } from '../logging/log-levels.js';
import type { AppTraffic } from '../proxy/control/traffic-book.js';
import type { AgentId } from '../scheduler/instance.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { Secrets } from '../secrets/secrets.js';
import type { UsageBook } from '../usage/usage-book.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import type { AppChanges } from './app-changes-port.js';
import type { AppOrder } from './app-order.js';
import type { EntityTags } from './entity-tags.js';
import type { AppFragments } from './present/app-fragments.js';
import type { DocumentFiles } from './published-documents.js';

/** A service port that the load balancer does not serve, and why. */
export interface NotServed {
  readonly servicePort: number;
  readonly reason: string;
}

/** An agent whose line is down; nobody knows how its tasks are. */
export interface SilentAgent {
  readonly agentId: string;
  readonly hostname: string;
  readonly silentMs: number;
}

/** The metrics that the API keeps and shows; names without prefix, e.g. `http.requests.active.gauge`. */
export interface ApiMetrics {
  counter(name: string): { inc(by?: number): void };
  /** `read` is asked when somebody looks. */
  gauge(name: string, read: () => number): void;
  meter(name: string): { mark(): void };
  timer(name: string): { observe(seconds: number): void };
  toJson(): unknown;
  toPrometheus(): string | Promise<string>;
}

/** Who may ask what, and what is remembered of it. */
export interface ApiAuth {
  readonly authenticator: Authenticator;
  readonly tokens: TokenBook;
  readonly trail: AuditTrail;
}

/**
 * What the API asks of the apps room about groups; as AppChanges, every function throws or rejects with a CatalogError
 * when the request is wrong. `path` is as the client wrote it.
 */
export interface GroupRequests {
  create(path: string, body: unknown): Promise<GroupRequestRead>;
  update(path: string, body: unknown): Promise<GroupRequestRead>;
  /** JSON merge patch of an existing group. */
  mergePatch(path: string, body: unknown): Promise<GroupRequestRead>;
  patch(path: string, body: unknown): GroupRequestRead;
  remove(path: string): GroupRequestRead;
}

/** The history room, as the API reads it. */
export interface ApiHistory {
  readonly deployments: Pick<DeploymentHistory, 'get' | 'page'>;
  readonly tasks: Pick<TaskHistory, 'page' | 'knows'>;
}

/** What the API asks of the apps room about pods; every function throws a CatalogError when the request is wrong. */
export interface PodRequestsPort {
  create(body: unknown): never;
  /** `podId` is as the client wrote it. */
  replace(podId: string, body: unknown): never;
  instanceIds(body: unknown): readonly string[];
}

/** Everything that the API reads, asks and tells. */
export interface ApiOptions {
  readonly settings: Settings;
  readonly registry: AppRegistry & { readonly groups: GroupReadModel };
  readonly scheduler: Scheduler;
  readonly deployments: Deployments;
  readonly events: EventBus;
  readonly metrics: ApiMetrics;
  readonly changes: AppChanges;
  readonly groupChanges: GroupRequests;
  readonly podRequests: PodRequestsPort;
  readonly agents: {
    byId(agentId: AgentId): { readonly hostname: string; readonly port: number } | undefined;
  };
  /** What every agent could offer to a role right now; absent when nobody here knows (another master). */
  readonly freeOffers?: (role: string) => Iterable<Offer>;
  /** Agents that nothing is heard of; absent when nobody here knows. */
  readonly silentAgents?: () => Iterable<SilentAgent>;
  readonly notServed: (appId: AppId) => readonly NotServed[];
  /** What load balancers leave out of an app that they serve, in sentences. */
  readonly servedInPart?: (appId: AppId) => readonly string[];
  /** False until the state is loaded; `/v2` answers 503 until then. */
  readonly ready: () => boolean;
  /** longrun's own version. */
  readonly version: string;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  /** Without it everybody may do everything, and `/v2/tokens` and `/v2/audit` do not exist. */
  readonly auth?: ApiAuth;
  /** What agents want to see before they show a sandbox. */
  readonly agentToken?: string;
  /** What is over and remembered; without it there is no history to be asked for. */
  readonly history?: ApiHistory;
  /** Where the usable instances are; without it there is no `/v2/discovery`. */
  readonly endpoints?: { readonly book: EndpointBook; readonly epoch: number };
  /** What apps use; without it there is nothing to be asked for. */
  readonly usage?: Pick<UsageBook, 'now' | 'points'>;
  /** How requests went in the last minute; without it there is nothing to be asked for. */
  readonly traffic?: (appId: AppId) => AppTraffic | undefined;
  /** What only tasks may read; without it `/v2/secrets` does not exist. */
  readonly secrets?: Secrets;
  /** What the load balancers speak TLS with; without it `/v2/certificates` does not exist. */
  readonly certificates?: Certificates;
  /** Levels of this process's log; without them `/logging` does not exist. */
  readonly logLevels?: LogLevels;
  /** What is told about the API; without it `/openapi.json` and `/docs` do not exist. */
  readonly documents?: DocumentFiles;
  /** Gives leadership up: ends this process in good order, to be started again by whoever keeps it. */
  readonly abdicate?: () => void;
}

/** What the routers share. */
export interface ApiContext extends ApiOptions {
  readonly fragments: AppFragments;
  readonly tags: EntityTags;
  readonly order: AppOrder;
}
