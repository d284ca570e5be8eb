import type { AppRecord } from '../../apps/app.js';
import type { Cohort, Standing } from '../../scheduler/cohort.js';
import type { InstanceId } from '../../scheduler/instance.js';
import { countGood, type Gate, gateOf, obstacleOf } from './gating.js';
import {
  countOf,
  firstIds,
  type InstanceBuckets,
  isUnreachable,
  membersOf,
  sortCohorts,
  withoutNamed,
} from './instance-buckets.js';
import { MAX_WISH, type SelectVictims, type StepDecision } from './step-decision.js';
import { type UpgradeCapacity, upgradeCapacity } from './upgrade-capacity.js';

/**
 * INVARIANTS of every decision
 * - live + launching + draining + started now <= maxCapacity (or nothing is started).
 * - A healthy and ready instance is stopped only if minHealthy healthy and ready ones remain.
 * - An instance of the wanted definition is stopped only when there are more than wanted (or it was named).
 * - When all current ones are good and something is left to replace, it starts or stops something, or waits for one
 *   that is leaving: no dead lock, whatever the capacities.
 */
export interface RollingInput {
  readonly record: AppRecord;
  readonly cohorts: Iterable<Cohort>;
  /** Named by a kill-and-scale request: stopped whatever they are. */
  readonly victims?: readonly InstanceId[];
  readonly selectVictims: SelectVictims;
}

/**
 * The next move of a rolling replacement (Marathon reference 5.5), from the present state alone: nothing is remembered
 * between two moves, so that a restarted server, a forced plan and a rollback all just go on from what is there.
 *
 * Instead of counting down kills, it keeps as many old instances as the good new ones leave missing to minHealthy, the
 * best ones first. With all old ones healthy these are exactly Marathon's numbers.
 */
export function rollingStep(input: RollingInput): StepDecision {
  const { record } = input;
  const wanted = record.app.instances;
  const gate = gateOf(record.app);
  const capacity = upgradeCapacity(record.app);
  const buckets = sortCohorts(record, input.cohorts);
  const { rest: current, taken } = withoutNamed(buckets.current, input.victims);
  const { rest: old, taken: takenOld } = withoutNamed(buckets.old, input.victims);
  const count = countOf(current);

  const surplus = surplusOf(record, current, count - wanted, gate, input.selectVictims);
  const missing = Math.max(0, wanted - count);
  const free = Math.max(0, capacity.maxCapacity - buckets.occupied);
  const replaced = oldOnesToStop({ buckets, current, old, missing, free, capacity, gate });
  const stop = [...taken, ...takenOld, ...surplus, ...replaced];

  const start = Math.min(missing, free);
  const allGood = countGood(current, gate) >= wanted;
  return {
    start,
    stop,
    reason: replaced.length > 0 ? 'replaced by a new version' : 'scale down',
    done: allGood && start === 0 && stop.length === 0 && old.length === 0 && buckets.leaving === 0,
  };
}

interface OldOnes {
  readonly buckets: InstanceBuckets;
  readonly current: readonly Cohort[];
  readonly old: readonly Cohort[];
  readonly missing: number;
  readonly free: number;
  readonly capacity: UpgradeCapacity;
  readonly gate: Gate;
}

/**
 * While fewer than minHealthy are good, even a bad old instance is given up only to make room: it may recover, and the
 * new ones are not proven yet.
 */
function oldOnesToStop({ buckets, current, old, missing, free, capacity, gate }: OldOnes): InstanceId[] {
  const goodCurrent = countGood(current, gate);
  const ranked = old
    .map((cohort) => ({ cohort, rank: rankOf(cohort.standing, gate) }))
    .sort((a, b) => a.rank - b.rank);
  const keep = Math.max(0, capacity.minHealthy - goodCurrent);
  const spare = Math.min(MAX_WISH, Math.max(0, countOf(old) - keep));
  if (goodCurrent + countGood(old, gate) >= capacity.minHealthy) {
    return firstIds(
      ranked.map(({ cohort }) => cohort),
      spare,
    );
  }
  const roomNeeded = Math.max(0, missing - free - buckets.leaving);
  const givenUp = ranked.filter(({ cohort, rank }) => rank !== GOOD && !isUnreachable(cohort.standing));
  return firstIds(
    givenUp.map(({ cohort }) => cohort),
    Math.min(spare, roomNeeded),
  );
}

const GOOD = 3;

/** The lower, the sooner it goes: agent away, not yet running, running but not healthy and ready, good. */
function rankOf(standing: Standing, gate: Gate): number {
  if (!obstacleOf(standing, gate)) return GOOD;
  if (isUnreachable(standing)) return 0;
  return standing.condition === 'Running' ? 2 : 1;
}

/** More current ones than wanted: those that are no good first, no more than one wish can stop. */
function surplusOf(
  record: AppRecord,
  current: readonly Cohort[],
  surplus: number,
  gate: Gate,
  selectVictims: SelectVictims,
): readonly InstanceId[] {
  if (surplus <= 0) return [];
  const count = Math.min(surplus, MAX_WISH);
  const isBad = ({ standing }: Cohort): boolean => obstacleOf(standing, gate) !== undefined;
  const bad = membersOf(current.filter(isBad));
  const fromBad = selectVictims(record.app, bad, Math.min(count, bad.length));
  if (fromBad.length >= count) return fromBad;
  const good = membersOf(current.filter((cohort) => !isBad(cohort)));
  return [...fromBad, ...selectVictims(record.app, good, count - fromBad.length)];
}
