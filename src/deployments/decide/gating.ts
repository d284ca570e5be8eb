import type { App } from '../../apps/app.js';
import { type Cohort, type Standing, standingOf } from '../../scheduler/cohort.js';
import type { Instance } from '../../scheduler/instance.js';

/** What an instance of an app must show before a deployment counts on it. */
export interface Gate {
  readonly healthChecks: boolean;
  readonly readinessChecks: boolean;
}

export function gateOf(app: App): Gate {
  return { healthChecks: app.healthChecks.length > 0, readinessChecks: app.readinessChecks.length > 0 };
}

/** What keeps an instance from counting, in the order in which the obstacles fall away. */
export type Obstacle = 'not-running' | 'leaving' | 'health' | 'readiness';

/**
 * Whether an instance is healthy and ready (Marathon reference 5.6): Running; with health checks, all of them alive;
 * with readiness checks, ready. Facts about an earlier task of the instance do not count, and neither does an
 * instance that is being taken out: it gets no new requests. Undefined: nothing stands in its way.
 */
export function obstacleOf(standing: Standing, gate: Gate): Obstacle | undefined {
  if (standing.goal !== 'Running' || standing.leaving) return 'leaving';
  if (standing.condition !== 'Running' || !standing.launched) return 'not-running';
  if (gate.healthChecks && standing.healthy !== true) return 'health';
  if (gate.readinessChecks && !standing.ready) return 'readiness';
  return undefined;
}

export function isGood(instance: Instance, gate: Gate): boolean {
  return obstacleOf(standingOf(instance), gate) === undefined;
}

/** How many of them are healthy and ready. */
export function countGood(cohorts: readonly Cohort[], gate: Gate): number {
  let good = 0;
  for (const { standing, members } of cohorts) if (!obstacleOf(standing, gate)) good += members.size;
  return good;
}
