import type { App } from '../../apps/app.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { Condition, Instance, InstanceId } from '../instance.js';
import { fieldValue } from './agent-facts.js';
import { ABSENT } from './constraints.js';

export interface VictimChoice {
  readonly app: Pick<App, 'killSelection' | 'constraints' | 'healthChecks'>;
  /** Candidates: goal Running, not already being taken out. */
  readonly instances: readonly Instance[];
  readonly count: number;
  /** Instances named by a kill-and-scale request: always first. */
  readonly named?: readonly InstanceId[];
}

const weights: Partial<Record<Condition, number>> = {
  Scheduled: 0,
  Provisioned: 1,
  UnreachableInactive: 2,
  Unreachable: 2,
  Staging: 3,
  Starting: 4,
  Running: 5,
};

/** Among running ones: known unhealthy, then not known to be healthy, then healthy. */
function healthRank(instance: Instance, checked: boolean): number {
  if (instance.condition !== 'Running') return 0;
  const healthy = instance.health?.taskId === instance.task?.id ? instance.health?.healthy : undefined;
  if (healthy === false) return 0;
  return checked && healthy === undefined ? 1 : 2;
}

/** When its age begins; such times sort as text. */
function bornAt(instance: Instance): Timestamp {
  if (instance.condition === 'Staging' && instance.task) return instance.task.stagedAt;
  return instance.task?.startedAt ?? instance.since;
}

function byWorth(choice: VictimChoice): (a: Instance, b: Instance) => number {
  const sign = choice.app.killSelection === 'OLDEST_FIRST' ? 1 : -1;
  const checked = choice.app.healthChecks.length > 0;
  return (a, b) =>
    (weights[a.condition] ?? 6) - (weights[b.condition] ?? 6) ||
    healthRank(a, checked) - healthRank(b, checked) ||
    sign * compareText(bornAt(a), bornAt(b)) ||
    (a.id < b.id ? -1 : 1);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The first `count` in order, without putting all the others in order, too; fastest when they come about in order. */
function firstOf(
  all: Iterable<Instance>,
  count: number,
  compare: (a: Instance, b: Instance) => number,
): Instance[] {
  let best: Instance[] = [];
  let last: Instance | undefined;
  for (const instance of all) {
    if (last && compare(instance, last) >= 0) continue;
    best.push(instance);
    if (best.length < 2 * count) continue;
    best = best.sort(compare).slice(0, count);
    last = best.at(-1);
  }
  return best.sort(compare).slice(0, count);
}

/** How uneven one GROUP_BY field is: fullest minus emptiest group. */
function unevenness(groups: ReadonlyMap<string, number>): number {
  let most = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const size of groups.values()) {
    most = Math.max(most, size);
    least = Math.min(least, size);
  }
  return groups.size === 0 ? 0 : most - least;
}

/** Groups of the placed candidates per GROUP_BY field. */
class Evenness {
  readonly #fields: readonly string[];
  readonly #groups = new Map<string, Map<string, number>>();

  constructor(choice: VictimChoice, placed: readonly Instance[]) {
    this.#fields = [
      ...new Set(choice.app.constraints.filter((each) => each[1] === 'GROUP_BY').map((each) => each[0])),
    ];
    for (const field of this.#fields) {
      const groups = new Map<string, number>();
      for (const instance of placed) {
        const value = this.value(instance, field);
        groups.set(value, (groups.get(value) ?? 0) + 1);
      }
      this.#groups.set(field, groups);
    }
  }

  get first(): string | undefined {
    return this.#fields[0];
  }

  value(instance: Instance, field: string): string {
    return (instance.task && fieldValue(instance.task, field)) ?? ABSENT;
  }

  remove(instance: Instance): void {
    for (const [field, groups] of this.#groups) {
      const value = this.value(instance, field);
      groups.set(value, (groups.get(value) ?? 1) - 1);
    }
  }

  /** Whether losing this one leaves every field even (difference at most 1) or no less even than before. */
  allows(instance: Instance): boolean {
    for (const [field, groups] of this.#groups) {
      const before = unevenness(groups);
      const value = this.value(instance, field);
      const size = groups.get(value) ?? 0;
      groups.set(value, size - 1);
      const after = unevenness(groups);
      groups.set(value, size);
      if (after > 1 && after > before) return false;
    }
    return true;
  }

  /** Values of the first field, fullest group first. */
  fullest(): string[] {
    const groups = this.first === undefined ? undefined : this.#groups.get(this.first);
    return [...(groups ?? [])].sort((a, b) => b[1] - a[1]).map(([value]) => value);
  }
}

function evenVictims(sorted: readonly Instance[], count: number, evenness: Evenness): Instance[] {
  const field = evenness.first;
  if (field === undefined) return [];
  const queues = new Map<string, Instance[]>();
  for (const instance of sorted) {
    const value = evenness.value(instance, field);
    const queue = queues.get(value);
    if (queue) queue.push(instance);
    else queues.set(value, [instance]);
  }
  const victims: Instance[] = [];
  while (victims.length < count) {
    let chosen: Instance | undefined;
    for (const value of evenness.fullest()) {
      const queue = queues.get(value) ?? [];
      const index = queue.findIndex((instance) => evenness.allows(instance));
      if (index < 0) continue;
      [chosen] = queue.splice(index, 1);
      break;
    }
    if (!chosen) break;
    victims.push(chosen);
    evenness.remove(chosen);
  }
  return victims;
}

/**
 * Which instances go when `count` must (Marathon reference 5.5 and 6.3), first to go first: those named; those still waiting
 * for an offer; those whose loss keeps every GROUP_BY even; the rest by condition, unhealthy before healthy (Marathon does not
 * look at health here; we do), then by age as killSelection says.
 */
export function selectVictims(choice: VictimChoice): readonly InstanceId[] {
  const named = new Set(choice.named ?? []);
  const isNamed = ({ id }: Instance): boolean => named.has(id);
  const victims = named.size === 0 ? [] : choice.instances.filter(isNamed);
  const others = named.size === 0 ? choice.instances : choice.instances.filter((each) => !isNamed(each));
  const left = choice.count - victims.length;
  if (left <= 0) return victims.slice(0, Math.max(0, choice.count)).map(({ id }) => id);
  victims.push(...leastWorth(choice, others, left));
  return victims.map(({ id }) => id);
}

function leastWorth(choice: VictimChoice, others: readonly Instance[], count: number): Instance[] {
  const compare = byWorth(choice);
  const isGrouped = choice.app.constraints.some((each) => each[1] === 'GROUP_BY');
  // Those that wait come first by worth as well: without groups the first in order are all there is to find.
  if (!isGrouped) {
    // They are listed about as they came to be.
    const likely = choice.app.killSelection === 'OLDEST_FIRST' ? others : [...others].reverse();
    return firstOf(likely, count, compare);
  }
  const sorted = [...others].sort(compare);
  const victims = sorted.filter((instance) => instance.condition === 'Scheduled').slice(0, count);
  const placed = sorted.filter((instance) => instance.condition !== 'Scheduled');
  victims.push(...evenVictims(placed, count - victims.length, new Evenness(choice, placed)));
  const taken = new Set(victims);
  for (const instance of placed) {
    if (victims.length >= count) break;
    if (!taken.has(instance)) victims.push(instance);
  }
  return victims;
}
