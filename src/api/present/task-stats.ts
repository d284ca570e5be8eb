import type { AppRecord } from '../../apps/app.js';
import type { Instance } from '../../scheduler/instance.js';
import { timestampMs } from '../../util/timestamp.js';
import { currentResults, hasVisibleTask } from './task.js';

interface Stats {
  readonly counts: {
    readonly staged: number;
    readonly running: number;
    readonly healthy: number;
    readonly unhealthy: number;
  };
  readonly lifeTime?: { readonly averageSeconds: number; readonly medianSeconds: number };
}

interface Section {
  readonly stats: Stats;
}

function lifeTime(instances: readonly Instance[], nowMs: number): Stats['lifeTime'] {
  const seconds: number[] = [];
  for (const { task } of instances) {
    if (task?.startedAt !== undefined) seconds.push(Math.max(0, nowMs - timestampMs(task.startedAt)) / 1000);
  }
  if (seconds.length === 0) return undefined;
  seconds.sort((a, b) => a - b);
  const averageSeconds = seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
  return { averageSeconds, medianSeconds: seconds[Math.floor(seconds.length / 2)] ?? averageSeconds };
}

function section(instances: readonly Instance[], nowMs: number): Section | undefined {
  if (instances.length === 0) return undefined;
  const counts = { staged: 0, running: 0, healthy: 0, unhealthy: 0 };
  for (const instance of instances) {
    if (instance.condition === 'Provisioned' || instance.condition === 'Staging') counts.staged++;
    if (instance.condition === 'Running') counts.running++;
    const results = currentResults(instance);
    if (results.length > 0) counts[results.every((result) => result.alive) ? 'healthy' : 'unhealthy']++;
  }
  const life = lifeTime(instances, nowMs);
  return { stats: { counts, ...(life ? { lifeTime: life } : {}) } };
}

/**
 * `taskStats`: snapshots over the tasks known now. Sections without tasks are left out; the median is the element at
 * n/2 (rounded down) of the sorted life times. "Latest config" means started from what the app's definition now asks
 * for: after a roll back that is so for the old instances that were kept, whatever their version says.
 */
export function presentTaskStats(
  record: AppRecord,
  all: readonly Instance[],
  nowMs: number,
): Readonly<Record<string, Section>> {
  const instances = all.filter(hasVisibleTask);
  const { lastScalingAt } = record.app.versionInfo;
  const sections: readonly (readonly [string, readonly Instance[]])[] = [
    ['totalSummary', instances],
    ['startedAfterLastScaling', instances.filter(({ runSpecVersion }) => runSpecVersion >= lastScalingAt)],
    ['withLatestConfig', instances.filter(({ launchHash }) => launchHash === record.launchHash)],
    ['withOutdatedConfig', instances.filter(({ launchHash }) => launchHash !== record.launchHash)],
  ];
  const stats: Record<string, Section> = {};
  for (const [name, members] of sections) {
    const value = section(members, nowMs);
    if (value) stats[name] = value;
  }
  return stats;
}
