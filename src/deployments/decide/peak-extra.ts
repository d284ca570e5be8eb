import type { AppRecord } from '../../apps/app.js';
import type { DeploymentStep } from '../deployment.js';
import { upgradeCapacity } from './upgrade-capacity.js';

/** An amount of the pool, in instances and what they take. */
export interface Capacity {
  readonly instances: number;
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly gpus: number;
}

/** One app before and after a plan. */
export interface Transition {
  readonly appId: string;
  readonly before: AppRecord | undefined;
  readonly after: AppRecord | undefined;
}

const none: Capacity = { instances: 0, cpus: 0, mem: 0, disk: 0, gpus: 0 };
const kinds = ['instances', 'cpus', 'mem', 'disk', 'gpus'] as const;

/**
 * The most that a plan takes, at one time, above what is taken before it: within a step every app may be at its fullest,
 * those of earlier steps have come to their new size. Each kind by itself, never below nothing.
 */
export function peakExtraCapacity(
  steps: readonly DeploymentStep[],
  transitions: readonly Transition[],
): Capacity {
  const byId = new Map(transitions.map((each) => [each.appId, each]));
  const lastStep = new Map<string, number>();
  for (const [index, { actions }] of steps.entries()) for (const { app } of actions) lastStep.set(app, index);
  let settled = none;
  let peak = none;
  for (const [index, { actions }] of steps.entries()) {
    const ending = new Set(actions.map(({ app }) => app).filter((app) => lastStep.get(app) === index));
    const here = [...ending].flatMap((app) => byId.get(app) ?? []);
    peak = larger(
      peak,
      here.reduce((sum, each) => plus(sum, fullest(each)), settled),
    );
    settled = here.reduce((sum, { before, after }) => plus(sum, minus(taken(after), taken(before))), settled);
    peak = larger(peak, settled);
  }
  return Object.fromEntries(kinds.map((kind) => [kind, exact(peak[kind])])) as unknown as Capacity;
}

/** How many old and new instances live together at most while an app is replaced. */
export function fullest({ before, after }: Transition): Capacity {
  if (!before || !after) return larger(none, minus(taken(after), taken(before)));
  if (before.launchHash === after.launchHash) return larger(none, minus(taken(after), taken(before)));
  const { maxCapacity } = upgradeCapacity(after.app);
  const room = (kept: number): number => Math.max(0, maxCapacity - kept);
  const { instances: old } = before.app;
  const { instances: wanted } = after.app;
  const mostOld = plus(times(before, old), times(after, Math.min(wanted, room(old))));
  const mostNew = plus(times(after, wanted), times(before, Math.min(old, room(wanted))));
  return larger(none, minus(larger(mostOld, mostNew), taken(before)));
}

function times(record: AppRecord, count: number): Capacity {
  const { cpus, mem, disk, gpus } = record.app;
  return { instances: count, cpus: cpus * count, mem: mem * count, disk: disk * count, gpus: gpus * count };
}

function taken(record: AppRecord | undefined): Capacity {
  return record ? times(record, record.app.instances) : none;
}

function combine(a: Capacity, b: Capacity, by: (a: number, b: number) => number): Capacity {
  return {
    instances: by(a.instances, b.instances),
    cpus: by(a.cpus, b.cpus),
    mem: by(a.mem, b.mem),
    disk: by(a.disk, b.disk),
    gpus: by(a.gpus, b.gpus),
  };
}

const plus = (a: Capacity, b: Capacity): Capacity => combine(a, b, (x, y) => x + y);
const minus = (a: Capacity, b: Capacity): Capacity => combine(a, b, (x, y) => x - y);
const larger = (a: Capacity, b: Capacity): Capacity => combine(a, b, Math.max);

/** Takes the noise of binary fractions away. */
function exact(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
