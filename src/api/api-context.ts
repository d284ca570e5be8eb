import type { AppId } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';
import type { Settings } from '../config/settings.js';
import type { Deployments } from '../deployments/deployment.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { AgentId } from '../scheduler/instance.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import type { AppChanges } from './app-changes-port.js';
import type { AppFragments } from './present/app-fragments.js';

/** A service port that the load balancer does not serve, and why. */
export interface NotServed {
  readonly servicePort: number;
  readonly reason: string;
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

/** Everything that the API reads, asks and tells. */
export interface ApiOptions {
  readonly settings: Settings;
  readonly registry: AppRegistry;
  readonly scheduler: Scheduler;
  readonly deployments: Deployments;
  readonly events: EventBus;
  readonly metrics: ApiMetrics;
  readonly changes: AppChanges;
  readonly agents: {
    byId(agentId: AgentId): { readonly hostname: string; readonly port: number } | undefined;
  };
  readonly notServed: (appId: AppId) => readonly NotServed[];
  /** False until the state is loaded; `/v2` answers 503 until then. */
  readonly ready: () => boolean;
  /** longrun's own version. */
  readonly version: string;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/** What the routers share. */
export interface ApiContext extends ApiOptions {
  readonly fragments: AppFragments;
}
