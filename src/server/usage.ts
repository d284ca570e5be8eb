import type { AppRegistryImpl } from '../apps/registry.js';
import type { Master } from '../embedded-mesos/master/master.js';
import type { Log } from '../logging/log.js';
import type { Metrics } from '../metrics/metrics.js';
import type { TaskId } from '../scheduler/instance.js';
import type { InstanceReadModel } from '../scheduler/scheduler.js';
import type { StateStore } from '../store/state-store.js';
import { usageExposition } from '../usage/exposition.js';
import { UsageBook } from '../usage/usage-book.js';
import type { Clock } from '../util/clock.js';

/** Builds what remembers the apps' use and lets it hear of reports and deletions. Rejects with StoreError. */
export async function startUsage(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  parts: {
    readonly store: StateStore;
    readonly epoch: number;
    readonly registry: AppRegistryImpl;
    readonly instances: InstanceReadModel;
    readonly master: Pick<Master, 'onUsage'>;
    readonly metrics: Metrics;
  },
): Promise<UsageBook> {
  const { store, epoch, registry, instances, master, metrics } = parts;
  const usage = new UsageBook({
    store,
    epoch,
    apps: registry,
    isDeleted: (appId) => registry.get(appId) === undefined && registry.setAside.has(appId) === false,
    appOf: (taskId) => instances.byTask(taskId as TaskId)?.appId,
    clock,
    log: log.child('usage'),
  });
  await usage.load();
  registry.onChange((changes) => {
    for (const { appId, after } of changes) if (after === undefined) usage.forget(appId);
  });
  master.onUsage((_agentId, tasks) => usage.take(tasks));
  metrics.alsoExpose(() => usageExposition(usage, registry));
  usage.start();
  return usage;
}
