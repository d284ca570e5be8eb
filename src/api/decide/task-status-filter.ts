import type { Condition, Instance } from '../../scheduler/instance.js';

const conditionOf: ReadonlyMap<string, Condition> = new Map([
  ['running', 'Running'],
  ['staging', 'Staging'],
]);

/**
 * The filter behind `GET /v2/tasks?status=`: `running` and `staging` in any case compare the instance's condition
 * exactly; other values are ignored, and when nothing valid remains everything passes.
 */
export function taskStatusFilter(statuses: readonly string[]): (instance: Instance) => boolean {
  const wanted = new Set<Condition>();
  for (const status of statuses) {
    const condition = conditionOf.get(status.toLowerCase());
    if (condition !== undefined) wanted.add(condition);
  }
  return wanted.size === 0 ? () => true : (instance) => wanted.has(instance.condition);
}
