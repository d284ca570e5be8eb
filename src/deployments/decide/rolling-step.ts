import type { AppRecord } from '../../apps/app.js';
import type { Instance, InstanceId } from '../../scheduler/instance.js';
import { type Gate, gateOf, isGood } from './gating.js';
import { type InstanceBuckets, isUnreachable, sortInstances } from './instance-buckets.js';
import type { SelectVictims, StepDecision } from './step-decision.js';
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
  readonly instances: readonly Instance[];
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
  const named = new Set(input.victims);
  const buckets = sortInstances(record, input.instances);
  const current = buckets.current.filter((instance) => !named.has(instance.id));
  const old = buckets.old.filter((instance) => !named.has(instance.id));
  const stop = [...buckets.current, ...buckets.old].filter((instance) => named.has(instance.id)).map(idOf);

  const surplus = surplusOf(record, current, wanted, gate, input.selectVictims);
  const missing = Math.max(0, wanted - current.length);
  const free = Math.max(0, capacity.maxCapacity - buckets.occupied);
  const replaced = oldOnesToStop({ buckets, current, old, missing, free, capacity, gate });
  stop.push(...surplus, ...replaced);

  const start = Math.min(missing, free);
  const good = current.reduce((count, instance) => count + (isGood(instance, gate) ? 1 : 0), 0);
  return {
    start,
    stop,
    reason: replaced.length > 0 ? 'replaced by a new version' : 'scale down',
    done:
      good >= wanted && start === 0 && stop.length === 0 && old.length === 0 && buckets.leaving.length === 0,
  };
}

interface OldOnes {
  readonly buckets: InstanceBuckets;
  readonly current: readonly Instance[];
  readonly old: readonly Instance[];
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
  const goodCurrent = current.filter((instance) => isGood(instance, gate)).length;
  const ranked = old
    .map((instance) => ({ instance, rank: rankOf(instance, gate) }))
    .sort((a, b) => a.rank - b.rank);
  const goodOld = ranked.filter(({ rank }) => rank === GOOD).length;
  const keep = Math.max(0, capacity.minHealthy - goodCurrent);
  const spare = Math.max(0, old.length - keep);
  if (goodCurrent + goodOld >= capacity.minHealthy) {
    return ranked.slice(0, spare).map(({ instance }) => instance.id);
  }
  const roomNeeded = Math.max(0, missing - free - buckets.leaving.length);
  return ranked
    .filter(({ instance, rank }) => rank !== GOOD && !isUnreachable(instance))
    .slice(0, Math.min(spare, roomNeeded))
    .map(({ instance }) => instance.id);
}

const GOOD = 3;

/** The lower, the sooner it goes: agent away, not yet running, running but not healthy and ready, good. */
function rankOf(instance: Instance, gate: Gate): number {
  if (isGood(instance, gate)) return GOOD;
  if (isUnreachable(instance)) return 0;
  return instance.condition === 'Running' ? 2 : 1;
}

/** More current ones than wanted: those that are no good first. */
function surplusOf(
  record: AppRecord,
  current: readonly Instance[],
  wanted: number,
  gate: Gate,
  selectVictims: SelectVictims,
): readonly InstanceId[] {
  const surplus = current.length - wanted;
  if (surplus <= 0) return [];
  const bad = current.filter((instance) => !isGood(instance, gate));
  const fromBad = selectVictims(record.app, bad, Math.min(surplus, bad.length));
  if (fromBad.length >= surplus) return fromBad;
  const good = current.filter((instance) => isGood(instance, gate));
  return [...fromBad, ...selectVictims(record.app, good, surplus - fromBad.length)];
}

function idOf(instance: Instance): InstanceId {
  return instance.id;
}
