import type { AppRecord } from '../../apps/app.js';
import type { Cohort } from '../../scheduler/cohort.js';
import type { InstanceId } from '../../scheduler/instance.js';
import { countGood, gateOf } from './gating.js';
import { countOf, membersOf, sortCohorts, withoutNamed } from './instance-buckets.js';
import { MAX_WISH, type SelectVictims, type StepDecision } from './step-decision.js';
import { upgradeCapacity } from './upgrade-capacity.js';

export interface ScaleInput {
  readonly record: AppRecord;
  readonly cohorts: Iterable<Cohort>;
  /** Named by a kill-and-scale request. */
  readonly victims?: readonly InstanceId[];
  /** Done only when all wanted ones are healthy and ready; a scale-down does not wait for that. */
  readonly awaitHealthy: boolean;
  readonly selectVictims: SelectVictims;
}

/**
 * The next move towards `instances` copies (Marathon reference 5.5, Scale). The named ones always go; then the surplus
 * by kill selection, or what is missing is started, as far as those still leaving allow. Every instance that stays is
 * taken as it is, whatever definition it was made from. Of the surplus no more are chosen than one wish can stop.
 */
export function scaleStep(input: ScaleInput): StepDecision {
  const { record } = input;
  const wanted = record.app.instances;
  const buckets = sortCohorts(record, input.cohorts);
  const { rest, taken } = withoutNamed([...buckets.current, ...buckets.old], input.victims);
  const staying = rest.filter(({ standing }) => standing.condition !== 'UnreachableInactive');
  const stays = countOf(staying);
  const stop = [...taken];
  if (stays > wanted) {
    stop.push(...input.selectVictims(record.app, membersOf(staying), Math.min(stays - wanted, MAX_WISH)));
  }
  const missing = Math.max(0, wanted - stays);
  const start = Math.min(missing, Math.max(0, upgradeCapacity(record.app).maxCapacity - buckets.occupied));
  const settled = missing === 0 && stop.length === 0 && buckets.leaving === 0;
  return {
    start,
    stop,
    reason: 'scale down',
    done: settled && (!input.awaitHealthy || countGood(staying, gateOf(record.app)) >= wanted),
  };
}
