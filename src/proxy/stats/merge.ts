import { finish, type Steps } from '../../util/steps.js';
import type {
  CounterValues,
  FrontendStats,
  ProxyStats,
  RecentStats,
  ServerStats,
  ServiceStats,
  VersionStats,
} from './proxy-stats.js';

/** Columns of which the greatest counts, and those that are averaged; all others add up. */
const greatest: ReadonlySet<string> = new Set([
  'rate_max',
  'req_rate_max',
  'qtime_max',
  'ctime_max',
  'rtime_max',
  'ttime_max',
]);
const averaged: ReadonlySet<string> = new Set(['qtime', 'ctime', 'rtime', 'ttime']);

/** Two workers' counters as one. */
export function mergeValues(a: CounterValues, b: CounterValues): CounterValues {
  const merged: Record<string, number> = { ...a };
  const weight = a.stot + b.stot;
  for (const [name, left] of Object.entries(a) as [keyof CounterValues, number][]) {
    const right = b[name];
    // Of workers together, what was at once is not known; it was not less than this.
    if (name === 'smax') merged[name] = Math.max(left, right, a.scur + b.scur);
    else if (greatest.has(name)) merged[name] = Math.max(left, right);
    else if (averaged.has(name))
      merged[name] = weight === 0 ? 0 : Math.round((left * a.stot + right * b.stot) / weight);
    else if (name === 'lastsess') merged[name] = left < 0 ? right : right < 0 ? left : Math.min(left, right);
    else merged[name] = left + right;
  }
  return merged as unknown as CounterValues;
}

/** Several workers' statistics as one; the table is that of the first. A step per service and per port. */
export function* mergeSteps(all: readonly ProxyStats[]): Steps<ProxyStats | undefined> {
  const [first, ...rest] = all;
  let sum = first;
  for (const next of rest) sum = sum && (yield* mergeTwo(sum, next));
  return sum;
}

function* mergeTwo(sum: ProxyStats, next: ProxyStats): Steps<ProxyStats> {
  const services = yield* mergeInSteps(sum.services, next.services, ({ key }) => key, mergeService);
  const portOf = ({ port }: FrontendStats): string => String(port);
  const frontends = yield* mergeInSteps(sum.frontends, next.frontends, portOf, mergeFrontend);
  return {
    workers: [...sum.workers, ...next.workers],
    table: sum.table,
    connected: sum.connected,
    frontends,
    services,
    strangers: mergeCounts(sum.strangers, next.strangers),
    ...mergedLog(sum.accessLog, next.accessLog),
    notServed: { ...next.notServed, ...sum.notServed },
  };
}

function mergeFrontend(a: FrontendStats, b: FrontendStats): FrontendStats {
  return { ...a, values: mergeValues(a.values, b.values) };
}

function mergeServer(a: ServerStats, b: ServerStats): ServerStats {
  const recent = a.recent && b.recent ? mergeRecent(a.recent, b.recent) : (a.recent ?? b.recent);
  return {
    ...a,
    // Left alone by one worker only: others still send it requests.
    status: a.status === 'DOWN' ? b.status : a.status,
    idle: a.idle + b.idle,
    qcur: a.qcur + b.qcur,
    ejections: a.ejections + b.ejections,
    ejectedMs: Math.max(a.ejectedMs, b.ejectedMs),
    ...(recent && { recent }),
    values: mergeValues(a.values, b.values),
  };
}

function mergeService(a: ServiceStats, b: ServiceStats): ServiceStats {
  const past = a.past && b.past ? addedUp(a.past, b.past) : (a.past ?? b.past);
  const versions =
    a.versions && b.versions
      ? mergeBy(a.versions, b.versions, ({ version }) => version, mergeVersion)
      : (a.versions ?? b.versions);
  const endings = mergeCounts(a.endings, b.endings);
  return {
    ...a,
    qcur: a.qcur + b.qcur,
    qmax: Math.max(a.qmax, b.qmax),
    up: Math.max(a.up, b.up),
    states: mergeStates(a.states, b.states),
    values: mergeValues(a.values, b.values),
    ...(past && { past }),
    ...(versions && { versions }),
    ...(Object.keys(endings).length > 0 && { endings }),
    servers: mergeBy(a.servers, b.servers, ({ name, taskId }) => `${name} ${taskId}`, mergeServer),
  };
}

function mergeVersion(a: VersionStats, b: VersionStats): VersionStats {
  return {
    ...a,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    recent: mergeRecent(a.recent, b.recent),
    classes: mergeBy(
      a.classes,
      b.classes,
      ({ code }) => code,
      (left, right) => ({
        code: left.code,
        count: left.count + right.count,
        sumMs: left.sumMs + right.sumMs,
        octaves: addedUp(left.octaves, right.octaves),
      }),
    ),
  };
}

function mergeRecent(a: RecentStats, b: RecentStats): RecentStats {
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    buckets: addedUp(a.buckets, b.buckets),
  };
}

/** A server that one worker leaves alone, another sends requests to. Those that drain are the same ones, more or fewer. */
function mergeStates(a: string, b: string): string {
  const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a];
  return Array.from(longer, (letter, i) => (letter === 'D' ? (shorter[i] ?? letter) : letter)).join('');
}

function addedUp(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((left, i) => left + (b[i] ?? 0));
}

function mergeCounts(
  a: Readonly<Record<string, number>> = {},
  b: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function mergedLog(
  a: ProxyStats['accessLog'],
  b: ProxyStats['accessLog'],
): Pick<ProxyStats, 'accessLog'> | undefined {
  const either = a ?? b;
  if (either === undefined) return undefined;
  if (a === undefined || b === undefined) return { accessLog: either };
  return { accessLog: { written: a.written + b.written, dropped: a.dropped + b.dropped } };
}

function mergeBy<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (item: T) => string,
  merge: (left: T, right: T) => T,
): readonly T[] {
  return finish(mergeInSteps(a, b, keyOf, merge));
}

/** Of two lists, those with the same key as one; a step per item. */
function* mergeInSteps<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (item: T) => string,
  merge: (left: T, right: T) => T,
): Steps<readonly T[]> {
  const merged = new Map<string, T>();
  for (const item of a) {
    merged.set(keyOf(item), item);
    yield;
  }
  for (const item of b) {
    const same = merged.get(keyOf(item));
    merged.set(keyOf(item), same === undefined ? item : merge(same, item));
    yield;
  }
  return [...merged.values()];
}
