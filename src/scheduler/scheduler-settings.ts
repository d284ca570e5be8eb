import type { App } from '../apps/app.js';

/** What the scheduler can be told; every limit has a name. */
export interface SchedulerSettings {
  readonly agentReregisterTimeoutSeconds: number;
  readonly frameworkName: string;
  readonly hostname: string;
  /** User of tasks whose app names none, as the master shows it; empty: the agent's choice. */
  readonly user?: string;
  /** Roles to subscribe with; default `*`. */
  readonly roles?: readonly string[];
  /** Before the names of the variables that tell tasks their host and ports; default none. */
  readonly envVarsPrefix?: string;
  /** Variables that tell a task of an app on a host what is around it; default none. */
  readonly taskContext?: (app: App, hostname: string) => Readonly<Record<string, string>>;
  /** Provisioned longer than this is overdue. */
  readonly launchConfirmTimeoutMs?: number;
  /** Staging or Starting longer than this is overdue. */
  readonly launchTimeoutMs?: number;
  /** An unanswered kill is sent again after this. */
  readonly killRetryMs?: number;
  readonly maxKillsInFlight?: number;
  readonly maxInstancesPerOffer?: number;
  readonly reconcileIntervalMs?: number;
  /** How often instances of apps that are gone are looked for: what a deletion that was stopped half-way leaves. */
  readonly orphanSweepMs?: number;
  /** Longest stretch of matching in one turn of the event loop. */
  readonly matchSliceMs?: number;
  /** How long the master need not offer again what we have no use for; a change of ours lifts it at once. */
  readonly refuseSeconds?: number;
}

export type CompleteSettings = Required<SchedulerSettings>;

export function completeSettings(settings: SchedulerSettings): CompleteSettings {
  return {
    user: '',
    roles: ['*'],
    envVarsPrefix: '',
    taskContext: () => ({}),
    launchConfirmTimeoutMs: 300_000,
    launchTimeoutMs: 300_000,
    killRetryMs: 30_000,
    maxKillsInFlight: 1_000,
    maxInstancesPerOffer: 2_000,
    reconcileIntervalMs: 600_000,
    orphanSweepMs: 30_000,
    matchSliceMs: 5,
    refuseSeconds: 120,
    ...settings,
  };
}

/** Where the scheduler counts what it does; the names are those of the metrics. */
export interface SchedulerMetrics {
  count(name: string, by?: number): void;
}

export const noMetrics: SchedulerMetrics = { count: () => undefined };
