import type { ResourceStatistics } from '../../containers/containerizer.js';
import { ioBytes } from '../../containers/decide/cgroup-statistics.js';
import type { TaskUsage } from '../../protocol/agent-line.js';

/**
 * What a task used between two looks at its counters, `seconds` apart. A counter that went back (it began anew) counts as
 * nothing used. Undefined when no time has passed, or its processor time is not counted.
 */
export function usageBetween(
  taskId: string,
  before: ResourceStatistics,
  after: ResourceStatistics,
  seconds: number,
): TaskUsage | undefined {
  const memoryBytes = after.mem_working_set_bytes ?? after.mem_rss_bytes;
  if (!(seconds > 0) || after.cpus_user_time_secs === undefined || memoryBytes === undefined)
    return undefined;
  const perSecond = (from: number | undefined, until: number | undefined): number | undefined =>
    until === undefined ? undefined : Math.round(grown(from, until) / seconds);
  const periods = grown(before.cpus_nr_periods, after.cpus_nr_periods);
  const throttled = grown(before.cpus_nr_throttled, after.cpus_nr_throttled);
  return {
    taskId,
    seconds: rounded(seconds),
    cpus: rounded(grown(processorSeconds(before), processorSeconds(after)) / seconds),
    throttled: periods > 0 ? rounded(Math.min(1, throttled / periods)) : 0,
    memoryBytes,
    ...present({
      rssBytes: after.mem_rss_bytes,
      cacheBytes: after.mem_cache_bytes,
      peakBytes: after.mem_peak_bytes,
      memoryLimitBytes: after.mem_limit_bytes,
      processes: after.processes,
      threads: after.threads,
      diskBytes: after.disk_used_bytes,
      netReceiveBytesPerSecond: perSecond(before.net_rx_bytes, after.net_rx_bytes),
      netSendBytesPerSecond: perSecond(before.net_tx_bytes, after.net_tx_bytes),
    }),
    ...(after.blkio_statistics && {
      ioReadBytesPerSecond: perSecond(ioBytes(before, 'READ'), ioBytes(after, 'READ')) ?? 0,
      ioWriteBytesPerSecond: perSecond(ioBytes(before, 'WRITE'), ioBytes(after, 'WRITE')) ?? 0,
    }),
  };
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

/** User and system together, from the container's begin. */
export function processorSeconds({
  cpus_user_time_secs: user = 0,
  cpus_system_time_secs: system = 0,
}: ResourceStatistics): number {
  return user + system;
}

function grown(from: number | undefined, until: number | undefined): number {
  return Math.max(0, (until ?? 0) - (from ?? 0));
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are not known. */
function present<T extends Readonly<Record<string, number | undefined>>>(values: T): Present<T> {
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as Present<T>;
}
