import type { Cohort } from '../../scheduler/cohort.js';
import { isTerminal } from '../../scheduler/instance.js';
import { firstIds, isUnreachable } from './instance-buckets.js';
import { MAX_WISH, type StepDecision } from './step-decision.js';

/** Takes every instance out (Marathon reference 5.5, Stop), as many as one wish can. One on an agent that is away is not waited for. */
export function stopStep(cohorts: Iterable<Cohort>): StepDecision {
  const all = [...cohorts];
  const staying = all.filter(({ standing }) => standing.goal !== 'Decommissioned');
  const stop = firstIds(staying, MAX_WISH);
  const present = all.some(({ standing }) => !isUnreachable(standing) && !isTerminal(standing.condition));
  return { start: 0, stop, reason: 'app deleted', done: stop.length === 0 && !present };
}
