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
 * Most instances that one wish starts, and most that it stops: it is one batch of the store, which is written as a whole and
 * must not hold up the process. The rest is seen again at the next look.
 */
export const MAX_WISH = 250;

/** As much of a move as fits in one wish. */
export function oneWish<Move extends Pick<StepDecision, 'start' | 'stop'>>(move: Move): Move {
  if (move.start <= MAX_WISH && move.stop.length <= MAX_WISH) return move;
  return { ...move, start: Math.min(move.start, MAX_WISH), stop: move.stop.slice(0, MAX_WISH) };
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
