import type { AppRegistry } from '../apps/app-registry.js';
import type { Deployments } from '../deployments/deployment.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Instance } from '../scheduler/instance.js';
import type { InstanceChange, Scheduler } from '../scheduler/scheduler.js';
import type { Clock } from '../util/clock.js';

/** Gauges by Marathon's names that are read from the services when somebody looks; counts are kept incrementally. */
export function countStates(
  metrics: Metrics,
  {
    registry,
    scheduler,
    deployments,
    clock,
  }: { registry: AppRegistry; scheduler: Scheduler; deployments: Deployments; clock: Clock },
): void {
  const startedMs = clock.monotonicMs();
  let running = 0;
  let staged = 0;
  const isRunning = (instance: Instance | undefined): number => (instance?.condition === 'Running' ? 1 : 0);
  const isStaged = (instance: Instance | undefined): number =>
    instance?.condition === 'Staging' || instance?.condition === 'Starting' ? 1 : 0;
  scheduler.instances.onChange(({ before, after }: InstanceChange) => {
    running += isRunning(after) - isRunning(before);
    staged += isStaged(after) - isStaged(before);
  });
  metrics.gauge('apps.active.gauge', () => registry.size);
  metrics.gauge('deployments.active.gauge', () => deployments.all().length);
  metrics.gauge('instances.running.gauge', () => running);
  metrics.gauge('instances.staged.gauge', () => staged);
  metrics.gauge('uptime.gauge.seconds', () => (clock.monotonicMs() - startedMs) / 1_000);
  metrics.gauge('leadership.duration.gauge.seconds', () => (clock.monotonicMs() - startedMs) / 1_000);
}
