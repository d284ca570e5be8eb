import type { AppRecord, Constraint } from '../../apps/app.js';
import type { AgentId, Condition, Instance } from '../instance.js';
import { fieldValue } from './agent-facts.js';
import { ABSENT } from './constraints.js';

const uncounted: ReadonlySet<Condition> = new Set<Condition>([
  'Scheduled',
  'Gone',
  'Unreachable',
  'Unknown',
  'Dropped',
]);

/**
 * Whether an instance counts as placed (Marathon reference 6.1): made from the app's current definition, and neither
 * waiting nor in a state in which nobody knows where it is. Draining, killing and inactive ones still count.
 */
export function countsAsPlaced(instance: Instance, launchHash: string): boolean {
  return (
    instance.task !== undefined && instance.launchHash === launchHash && !uncounted.has(instance.condition)
  );
}

/** Fields whose values must be counted for these constraints. */
export function countedFields(constraints: readonly Constraint[]): ReadonlySet<string> {
  const fields = new Set<string>();
  for (const [field, operator, value] of constraints) {
    if (operator === 'UNIQUE' || operator === 'GROUP_BY' || operator === 'MAX_PER') fields.add(field);
    if (operator === 'CLUSTER' && (value === undefined || value === '')) fields.add(field);
  }
  return fields;
}

function add(counts: Map<string, number>, value: string, by: number): void {
  const next = (counts.get(value) ?? 0) + by;
  if (next === 0) counts.delete(value);
  else counts.set(value, next);
}

/** Placed instances of one app by value of each counted field, and by agent; kept up to date change by change. */
export class PlacedCounts {
  readonly #fields = new Map<string, Map<string, number>>();
  readonly #agents = new Map<string, number>();
  readonly launchHash: string;
  readonly constraints: readonly Constraint[];

  constructor(record: AppRecord, instances: Iterable<Instance>) {
    this.launchHash = record.launchHash;
    this.constraints = record.app.constraints;
    for (const field of countedFields(record.app.constraints)) this.#fields.set(field, new Map());
    for (const instance of instances) this.change(undefined, instance);
  }

  /** Whether these counts are about this definition; otherwise they must be built anew. */
  fits(record: AppRecord): boolean {
    return record.launchHash === this.launchHash && record.app.constraints === this.constraints;
  }

  change(before: Instance | undefined, after: Instance | undefined): void {
    const was = before?.task && countsAsPlaced(before, this.launchHash) ? before.task : undefined;
    const is = after?.task && countsAsPlaced(after, this.launchHash) ? after.task : undefined;
    if (was !== undefined && is !== undefined && was.id === is.id) return;
    for (const [field, counts] of this.#fields) {
      if (was) add(counts, fieldValue(was, field) ?? ABSENT, -1);
      if (is) add(counts, fieldValue(is, field) ?? ABSENT, 1);
    }
    if (was) add(this.#agents, was.agentId, -1);
    if (is) add(this.#agents, is.agentId, 1);
  }

  groups(field: string): ReadonlyMap<string, number> {
    return this.#fields.get(field) ?? none;
  }

  onAgent(agentId: AgentId): number {
    return this.#agents.get(agentId) ?? 0;
  }
}

const none: ReadonlyMap<string, number> = new Map();
