import type { AppRecord } from '../../apps/app.js';
import type { Instance, InstanceId } from '../../scheduler/instance.js';
import { gateOf, isGood } from './gating.js';
import { sortInstances } from './instance-buckets.js';
import type { SelectVictims, StepDecision } from './step-decision.js';
import { upgradeCapacity } from './upgrade-capacity.js';

export interface ScaleInput {
  readonly record: AppRecord;
  readonly instances: readonly Instance[];
  /** Named by a kill-and-scale request. */
  readonly victims?: readonly InstanceId[];
  /** Done only when all wanted ones are healthy and ready; a scale-down does not wait for that. */
  readonly awaitHealthy: boolean;
  readonly selectVictims: SelectVictims;
}

/**
 * The next move towards `instances` copies (Marathon reference 5.5, Scale). The named ones always go; then the surplus
 * by kill selection, or what is missing is started, as far as those still leaving allow. Every instance that stays is
 * taken as it is, whatever definition it was made from.
 */
export function scaleStep(input: ScaleInput): StepDecision {
  const { record } = input;
  const wanted = record.app.instances;
  const buckets = sortInstances(record, input.instances);
  const named = new Set(input.victims);
  const staying: Instance[] = [];
  const stop: InstanceId[] = [];
  for (const instance of [...buckets.current, ...buckets.old]) {
    if (named.has(instance.id)) stop.push(instance.id);
    else if (instance.condition !== 'UnreachableInactive') staying.push(instance);
  }
  if (staying.length > wanted) {
    stop.push(...input.selectVictims(record.app, staying, staying.length - wanted));
  }
  const missing = Math.max(0, wanted - staying.length);
  const start = Math.min(missing, Math.max(0, upgradeCapacity(record.app).maxCapacity - buckets.occupied));
  const gate = gateOf(record.app);
  const settled = missing === 0 && stop.length === 0 && buckets.leaving.length === 0;
  return {
    start,
    stop,
    reason: 'scale down',
    done: settled && (!input.awaitHealthy || countGood(staying, gate) >= wanted),
  };
}

function countGood(instances: readonly Instance[], gate: ReturnType<typeof gateOf>): number {
  return instances.reduce((count, instance) => count + (isGood(instance, gate) ? 1 : 0), 0);
}
