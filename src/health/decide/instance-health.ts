import type { HealthCheck, ReadinessCheck } from '../../apps/app.js';
import type { HealthCheckResult, InstanceHealth, TaskId } from '../../scheduler/instance.js';

type Results = readonly (HealthCheckResult | undefined)[];

/**
 * Healthy: false when one check is known not to be alive, true when all are known and alive, else undefined. An instance that
 * serves (healthy, or open without checks) stays healthy while a check that was added in place has no verdict yet: news,
 * not the lack of it, takes an instance out of the load balancer.
 */
export function aggregateHealth(results: Results, serving: boolean): boolean | undefined {
  if (results.length === 0) return undefined;
  if (results.some((result) => result && !result.alive)) return false;
  return serving || results.every((result) => result !== undefined) ? true : undefined;
}

/** Whether requests may go to it by what is known: it is healthy, or has no checks and its port was open. */
export function isServing(health: InstanceHealth): boolean {
  return health.healthy === true || health.portOpen === true;
}

export function unknownHealth(taskId: TaskId, checks: number): InstanceHealth {
  return { taskId, results: new Array<undefined>(checks).fill(undefined) };
}

/** What was stored about a task, fitted to the number of checks it has now; unknown when it is about another task. */
export function restoredHealth(
  stored: InstanceHealth | undefined,
  taskId: TaskId,
  checks: number,
): InstanceHealth {
  if (stored?.taskId !== taskId) return unknownHealth(taskId, checks);
  return { ...stored, results: Array.from({ length: checks }, (_, index) => stored.results[index]) };
}

export function withResult(health: InstanceHealth, index: number, result: HealthCheckResult): InstanceHealth {
  const results = health.results.map((known, at) => (at === index ? result : known));
  return withAggregate({ ...health, results }, aggregateHealth(results, isServing(health)));
}

/**
 * Health after the app's checks changed under a running task. Results stay with checks that ask the same endpoint; the
 * others are unknown. Without checks what was healthy counts as open, so that it is served on.
 */
export function carryHealth(
  health: InstanceHealth,
  before: readonly HealthCheck[],
  after: readonly HealthCheck[],
): InstanceHealth {
  const free = new Set(before.keys());
  const results = after.map((check) => {
    for (const index of free) {
      const old = before[index];
      if (!old || !asksSameEndpoint(old, check)) continue;
      free.delete(index);
      return health.results[index];
    }
    return undefined;
  });
  const { portOpen: _, ...rest } = health;
  if (after.length === 0) {
    const open = isServing(health) ? { portOpen: true } : {};
    return withAggregate({ ...rest, results, ...open }, undefined);
  }
  return withAggregate({ ...rest, results }, aggregateHealth(results, isServing(health)));
}

/**
 * Whether it is ready after the app's readiness checks changed under a running task, whose own are `before`. Whoever serves
 * when the first one is added stays so: the check would only now ask what requests have proven. The very same health when
 * nothing changes.
 */
export function carryReadiness(
  health: InstanceHealth,
  before: readonly ReadinessCheck[],
  after: readonly ReadinessCheck[],
): InstanceHealth {
  const isFirst = before.length === 0 && after.length > 0;
  return isFirst && health.ready !== true && isServing(health) ? { ...health, ready: true } : health;
}

/** Whether two checks ask the same thing, however often and patiently. */
export function asksSameEndpoint(a: HealthCheck, b: HealthCheck): boolean {
  return (
    a.protocol === b.protocol &&
    (a.path ?? '/') === (b.path ?? '/') &&
    a.port === b.port &&
    a.portIndex === b.portIndex &&
    (a.ignoreHttp1xx ?? false) === (b.ignoreHttp1xx ?? false)
  );
}

/** Whether others must hear of it at once: who is served, or who counts as ready, changes. */
export function isFlip(before: InstanceHealth, after: InstanceHealth): boolean {
  return (
    before.healthy !== after.healthy ||
    before.portOpen !== after.portOpen ||
    before.ready !== after.ready ||
    before.results.length !== after.results.length ||
    before.results.some((result, index) => result?.alive !== after.results[index]?.alive)
  );
}

function withAggregate(health: InstanceHealth, healthy: boolean | undefined): InstanceHealth {
  const { healthy: _, ...rest } = health;
  return healthy === undefined ? rest : { ...rest, healthy };
}
