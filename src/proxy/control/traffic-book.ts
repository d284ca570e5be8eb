import type { AppId } from '../../apps/app.js';
import { type Quantiles, quantiles } from '../stats/recent-sums.js';
import type { ServiceTrafficReport, TrafficReport } from '../stats/traffic-report.js';
import { coveredMs, TrafficWindow, WINDOW_MS, type WindowSums } from './traffic-window.js';

/** Apps, and of each its versions and instances, whose traffic is remembered. Beyond it what is new is not. */
const MAX_APPS = 20_000;
const MAX_VERSIONS = 10;
const MAX_INSTANCES = 5_000;
/** Looks at what is idle are so far apart. */
const FORGET_PERIOD_MS = 10_000;

/** How requests of the last minute went. */
export interface TrafficSummary extends Quantiles {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Share that the app or the way to it failed; 0 without requests. */
  readonly errorShare: number;
}

export interface AppTraffic {
  readonly all: TrafficSummary;
  /** By version; empty: answered without an instance. */
  readonly versions: ReadonlyMap<string, TrafficSummary>;
  /** By task id. */
  readonly instances: ReadonlyMap<string, TrafficSummary>;
}

interface Kept {
  readonly versions: Map<string, TrafficWindow>;
  readonly instances: Map<string, TrafficWindow>;
}

/** The last minute's traffic of every app, by version and instance, as the proxies report it. Bounded; idle ones are forgotten. */
export class TrafficBook {
  readonly #apps = new Map<string, Kept>();
  #forgottenMs = 0;

  /** What a proxy counted since it last told. */
  take(report: TrafficReport, nowMs: number): void {
    this.#forget(nowMs);
    for (const each of Object.values(report)) this.#takeService(each, nowMs);
  }

  /** Undefined: nothing was heard of the app in the last minute. */
  of(appId: AppId, nowMs: number): AppTraffic | undefined {
    const kept = this.#apps.get(appId);
    if (kept === undefined) return undefined;
    const versions = [...kept.versions].map(([name, window]) => [name, window.sums(nowMs)] as const);
    const instances = [...kept.instances].map(([name, window]) => [name, window.sums(nowMs)] as const);
    const all = together(versions.map(([, sums]) => sums));
    if (all.requests === 0) return undefined;
    return {
      all: summary(all, nowMs),
      versions: new Map(
        versions
          .filter(([, { requests }]) => requests > 0)
          .map(([name, sums]) => [name, summary(sums, nowMs)]),
      ),
      instances: new Map(
        instances
          .filter(([, { requests }]) => requests > 0)
          .map(([name, sums]) => [name, summary(sums, nowMs)]),
      ),
    };
  }

  /** Apps that something was heard of lately. */
  apps(): Iterable<AppId> {
    return this.#apps.keys() as Iterable<AppId>;
  }

  /** How requests of the last minute went, by version; empty: answered without an instance. */
  versions(appId: AppId, nowMs: number): ReadonlyMap<string, TrafficSummary> {
    const summaries = new Map<string, TrafficSummary>();
    for (const [name, window] of this.#apps.get(appId)?.versions ?? []) {
      const sums = window.sums(nowMs);
      if (sums.requests > 0) summaries.set(name, summary(sums, nowMs));
    }
    return summaries;
  }

  #takeService({ appId, versions, instances }: ServiceTrafficReport, nowMs: number): void {
    let kept = this.#apps.get(appId);
    if (kept === undefined) {
      if (this.#apps.size >= MAX_APPS) return;
      kept = { versions: new Map(), instances: new Map() };
      this.#apps.set(appId, kept);
    }
    for (const [name, sums] of Object.entries(versions))
      windowOf(kept.versions, name, MAX_VERSIONS)?.add(sums, nowMs);
    for (const [name, sums] of Object.entries(instances))
      windowOf(kept.instances, name, MAX_INSTANCES)?.add(sums, nowMs);
  }

  /** Drops what had no traffic for a window. */
  #forget(nowMs: number): void {
    if (nowMs - this.#forgottenMs < FORGET_PERIOD_MS) return;
    this.#forgottenMs = nowMs;
    for (const [appId, { versions, instances }] of this.#apps) {
      for (const windows of [versions, instances])
        for (const [name, { lastMs }] of windows) if (nowMs - lastMs > WINDOW_MS) windows.delete(name);
      if (versions.size === 0) this.#apps.delete(appId);
    }
  }
}

function windowOf(
  windows: Map<string, TrafficWindow>,
  name: string,
  most: number,
): TrafficWindow | undefined {
  const known = windows.get(name);
  if (known !== undefined || windows.size >= most) return known;
  const made = new TrafficWindow();
  windows.set(name, made);
  return made;
}

function together(all: readonly WindowSums[]): WindowSums {
  const [first, ...rest] = all;
  if (first === undefined) return { requests: 0, errors: 0, buckets: [] };
  const buckets = Float64Array.from(first.buckets);
  let { requests, errors } = first;
  for (const sums of rest) {
    requests += sums.requests;
    errors += sums.errors;
    for (let i = 0; i < buckets.length; i++) buckets[i] = (buckets[i] ?? 0) + (sums.buckets[i] ?? 0);
  }
  return { requests, errors, buckets };
}

function summary({ requests, errors, buckets }: WindowSums, nowMs: number): TrafficSummary {
  return {
    requests,
    requestsPerSecond: requests / (coveredMs(nowMs) / 1_000),
    errorShare: requests === 0 ? 0 : errors / requests,
    ...quantiles(buckets),
  };
}
