import type { UpgradeStrategy } from '../../apps/app.js';
import { type Timestamp, timestamp, timestampMs } from '../../util/timestamp.js';
import type { AppTransition, Deployment } from '../deployment.js';

export interface DeadlineTerms {
  readonly deadline?: Timestamp;
  readonly onFailure?: 'hold' | 'rollback';
}

/** The strictest `upgradeStrategy.deadlineSeconds` of the apps that a plan is to bring up, and what that app asks for. */
export function deadlineTerms(
  transitions: Readonly<Record<string, AppTransition>>,
  startedAt: Timestamp,
): DeadlineTerms {
  let strictest: UpgradeStrategy | undefined;
  for (const { after } of Object.values(transitions)) {
    const strategy = after?.app.upgradeStrategy;
    if (strategy?.deadlineSeconds === undefined) continue;
    if (strategy.deadlineSeconds < (strictest?.deadlineSeconds ?? Number.POSITIVE_INFINITY))
      strictest = strategy;
  }
  if (strictest?.deadlineSeconds === undefined) return {};
  return {
    deadline: timestamp(timestampMs(startedAt) + strictest.deadlineSeconds * 1_000),
    ...(strictest.onFailure ? { onFailure: strictest.onFailure } : {}),
  };
}

/** Milliseconds until a deployment is overdue; undefined when it never is. */
export function untilOverdueMs(deployment: Deployment, nowWallMs: number): number | undefined {
  return deployment.deadline === undefined ? undefined : timestampMs(deployment.deadline) - nowWallMs;
}

/**
 * What an overdue deployment does: `wait` goes on as before (Marathon's way, but visibly overdue), `hold` starts and
 * stops nothing more, `rollback` is undone. A rollback is never rolled back by its deadline: the two would take turns.
 */
export function overdueConduct(deployment: Deployment): 'wait' | 'hold' | 'rollback' {
  if (deployment.onFailure === 'rollback')
    return deployment.plan.revertOf === undefined ? 'rollback' : 'wait';
  return deployment.onFailure ?? 'wait';
}
