import type { CounterValues, FrontendStats, ProxyStats, ServerStats, ServiceStats } from './proxy-stats.js';

/** Columns of which the greatest counts, and those that are averaged; all others add up. */
const greatest: ReadonlySet<string> = new Set([
  'smax',
  'rate_max',
  'req_rate_max',
  'ctime_max',
  'rtime_max',
  'ttime_max',
]);
const averaged: ReadonlySet<string> = new Set(['ctime', 'rtime', 'ttime']);

/** Two workers' counters as one. */
export function mergeValues(a: CounterValues, b: CounterValues): CounterValues {
  const merged: Record<string, number> = {};
  const weight = a.stot + b.stot;
  for (const [name, left] of Object.entries(a) as [keyof CounterValues, number][]) {
    const right = b[name];
    if (greatest.has(name)) merged[name] = Math.max(left, right);
    else if (averaged.has(name))
      merged[name] = weight === 0 ? 0 : Math.round((left * a.stot + right * b.stot) / weight);
    else if (name === 'lastsess') merged[name] = left < 0 ? right : right < 0 ? left : Math.min(left, right);
    else merged[name] = left + right;
  }
  return merged as unknown as CounterValues;
}

/** Several workers' statistics as one; the table is that of the first. */
export function mergeStats(all: readonly ProxyStats[]): ProxyStats | undefined {
  const [first, ...rest] = all;
  if (!first) return undefined;
  return rest.reduce<ProxyStats>(
    (sum, next) => ({
      workers: [...sum.workers, ...next.workers],
      table: sum.table,
      connected: sum.connected,
      frontends: mergeBy(sum.frontends, next.frontends, ({ port }) => String(port), mergeFrontend),
      services: mergeBy(sum.services, next.services, ({ key }) => key, mergeService),
      notServed: { ...next.notServed, ...sum.notServed },
    }),
    first,
  );
}

function mergeFrontend(a: FrontendStats, b: FrontendStats): FrontendStats {
  return { ...a, values: mergeValues(a.values, b.values) };
}

function mergeServer(a: ServerStats, b: ServerStats): ServerStats {
  return { ...a, idle: a.idle + b.idle, values: mergeValues(a.values, b.values) };
}

function mergeService(a: ServiceStats, b: ServiceStats): ServiceStats {
  const values = mergeValues(a.values, b.values);
  return {
    ...a,
    values,
    servers: mergeBy(a.servers, b.servers, ({ name, taskId }) => `${name} ${taskId}`, mergeServer),
  };
}

function mergeBy<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (item: T) => string,
  merge: (left: T, right: T) => T,
): readonly T[] {
  const merged = new Map(a.map((item) => [keyOf(item), item] as const));
  for (const item of b) {
    const same = merged.get(keyOf(item));
    merged.set(keyOf(item), same === undefined ? item : merge(same, item));
  }
  return [...merged.values()];
}
