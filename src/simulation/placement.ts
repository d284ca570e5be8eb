import type { Resource, TaskInfo } from '../embedded-mesos/protocol/v1.js';

/** Sums of scalar resources by name. */
export type Totals = ReadonlyMap<string, number>;

export function totals(resources: readonly Resource[]): Totals {
  const sums = new Map<string, number>();
  for (const { name, scalar } of resources) if (scalar) sums.set(name, (sums.get(name) ?? 0) + scalar.value);
  return sums;
}

/** Host ports of a task. */
export function portsOf({ resources }: TaskInfo): readonly number[] {
  return resources
    .filter(({ name }) => name === 'ports')
    .flatMap(({ ranges }) => ranges?.range ?? [])
    .flatMap(({ begin, end }) => Array.from({ length: end - begin + 1 }, (_, index) => begin + index));
}

/** Resources of which the tasks together use more than there is, in words. */
export function overuse(tasks: readonly TaskInfo[], has: Totals): readonly string[] {
  const used = totals(tasks.flatMap(({ resources }) => resources));
  return [...used]
    .filter(([name, sum]) => sum > (has.get(name) ?? 0) + 1e-6)
    .map(([name, sum]) => `${sum} ${name} of ${has.get(name) ?? 0}`);
}
