import type { App } from '../../apps/app.js';
import type { Instance, InstanceId, StopReason } from '../../scheduler/instance.js';

/** What an action wants to happen now. `done`: nothing is left to do or to wait for. */
export interface StepDecision {
  /** Schedule so many new instances. */
  readonly start: number;
  readonly stop: readonly InstanceId[];
  readonly reason: StopReason;
  readonly done: boolean;
}

/**
 * Chooses which instances to give up when an app has too many: exactly `count` of `candidates` (all when there are
 * fewer). The scheduler's room knows how (kill selection, GROUP_BY evenness).
 */
export type SelectVictims = (
  app: App,
  candidates: readonly Instance[],
  count: number,
) => readonly InstanceId[];
