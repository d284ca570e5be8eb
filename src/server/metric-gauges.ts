import type { AppRegistry } from '../apps/app-registry.js';
import type { Deployments } from '../deployments/deployment.js';
import type { EventBus } from '../events/event-bus.js';
import type { Metrics } from '../metrics/metrics.js';
import { type AppsTraffic, trafficExposition } from '../proxy/stats/traffic-exposition.js';
import type { Instance } from '../scheduler/instance.js';
import type { InstanceChange, Scheduler } from '../scheduler/scheduler.js';
import type { Clock } from '../util/clock.js';
import { countedNames } from './counted-names.js';

/** Gauges by Marathon's names that are read from the services when somebody looks; counts are kept incrementally. */
export function countStates(
  metrics: Metrics,
  {
    registry,
    scheduler,
    deployments,
    events,
    clock,
    traffic,
  }: {
    registry: AppRegistry;
    scheduler: Scheduler;
    deployments: Deployments;
    events: Pick<EventBus, 'subscribe'>;
    clock: Clock;
    traffic: AppsTraffic;
  },
): void {
  const startedMs = clock.monotonicMs();
  for (const name of countedNames) metrics.counter(name);
  let running = 0;
  let staged = 0;
  let killing = 0;
  let overdue = 0;
  const isRunning = (instance: Instance | undefined): number => (instance?.condition === 'Running' ? 1 : 0);
  const isStaged = (instance: Instance | undefined): number =>
    instance?.condition === 'Staging' || instance?.condition === 'Starting' ? 1 : 0;
  const isKilling = (instance: Instance | undefined): number =>
    instance?.takingOut?.phase === 'killing' ? 1 : 0;
  const isOverdue = (instance: Instance | undefined): number =>
    instance?.takingOut?.reason === 'launch overdue' ? 1 : 0;
  scheduler.instances.onChange(({ before, after }: InstanceChange) => {
    killing += isKilling(after) - isKilling(before);
    overdue += isOverdue(after) - isOverdue(before);
    running += isRunning(after) - isRunning(before);
    staged += isStaged(after) - isStaged(before);
  });
  events.subscribe(({ eventType }) => {
    if (eventType === 'group_change_success') metrics.counter('deployments.counter').inc();
    if (eventType === 'group_change_failed') metrics.counter('deployments.dismissed.counter').inc();
  });
  metrics.alsoExpose(() => trafficExposition(traffic));
  metrics.gauge('apps.active.gauge', () => registry.size);
  metrics.gauge('groups.active.gauge', () => registry.groups?.size ?? 1);
  metrics.gauge('pods.active.gauge', () => 0);
  metrics.gauge('deployments.active.gauge', () => deployments.all().length);
  metrics.gauge('instances.running.gauge', () => running);
  metrics.gauge('instances.staged.gauge', () => staged);
  metrics.gauge('instances.inflight-kills.gauge', () => killing);
  metrics.gauge('instances.launch-overdue.gauge', () => overdue);
  metrics.gauge('uptime.gauge.seconds', () => (clock.monotonicMs() - startedMs) / 1_000);
  metrics.gauge('leadership.duration.gauge.seconds', () => (clock.monotonicMs() - startedMs) / 1_000);
}
