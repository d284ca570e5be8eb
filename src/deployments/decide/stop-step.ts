import { type Instance, isTerminal } from '../../scheduler/instance.js';
import { isUnreachable } from './instance-buckets.js';
import type { StepDecision } from './step-decision.js';

/** Takes every instance out (Marathon reference 5.5, Stop). One on an agent that is away is not waited for. */
export function stopStep(instances: readonly Instance[]): StepDecision {
  const stop = instances.filter((instance) => instance.goal !== 'Decommissioned').map(({ id }) => id);
  const present = instances.some((instance) => !isUnreachable(instance) && !isTerminal(instance.condition));
  return { start: 0, stop, reason: 'app deleted', done: stop.length === 0 && !present };
}
