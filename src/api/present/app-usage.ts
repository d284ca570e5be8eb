import type { TaskId } from '../../scheduler/instance.js';
import type { UsagePoint } from '../../usage/decide/usage-points.js';
import type { TaskNow } from '../../usage/usage-book.js';
import { timestamp } from '../../util/timestamp.js';

const MIB = 1024 * 1024;

const mib = (bytes: number): number => Math.round((bytes / MIB) * 100) / 100;

export function presentPoint({ atMs, ...values }: UsagePoint): Readonly<Record<string, unknown>> {
  return { at: timestamp(atMs), ...values };
}

/** All tasks of which something was seen lately, together. */
export function totalNow(tasks: readonly TaskNow[]): Readonly<Record<string, number>> {
  const total = (read: (task: TaskNow) => number): number => tasks.reduce((sum, each) => sum + read(each), 0);
  return {
    instances: tasks.length,
    cpus: Math.round(total(({ usage }) => usage.cpus) * 10_000) / 10_000,
    memMiB: mib(total(({ usage }) => usage.memoryBytes)),
  };
}

/** One task as its agent saw it last; what it does not count is left out. */
export function presentTaskNow(
  { usage, atMs }: TaskNow,
  hostOf: (taskId: TaskId) => string | undefined,
): Readonly<Record<string, unknown>> {
  const host = hostOf(usage.taskId as TaskId);
  const sizes = {
    rssMiB: usage.rssBytes,
    cacheMiB: usage.cacheBytes,
    peakMiB: usage.peakBytes,
    limitMiB: usage.memoryLimitBytes,
    diskMiB: usage.diskBytes,
  };
  const plain = {
    processes: usage.processes,
    threads: usage.threads,
    ioReadBytesPerSecond: usage.ioReadBytesPerSecond,
    ioWriteBytesPerSecond: usage.ioWriteBytesPerSecond,
    netReceiveBytesPerSecond: usage.netReceiveBytesPerSecond,
    netSendBytesPerSecond: usage.netSendBytesPerSecond,
  };
  return {
    taskId: usage.taskId,
    ...(host !== undefined && { host }),
    at: timestamp(atMs),
    cpus: usage.cpus,
    throttled: usage.throttled,
    memMiB: mib(usage.memoryBytes),
    ...Object.fromEntries(
      Object.entries(sizes).flatMap(([name, bytes]) => (bytes === undefined ? [] : [[name, mib(bytes)]])),
    ),
    ...Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined)),
  };
}
