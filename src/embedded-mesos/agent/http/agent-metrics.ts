import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { type AgentView, resourceSummary } from './agent-state.js';

const resourceNames = ['cpus', 'gpus', 'mem', 'disk'] as const;

/**
 * Names of a real agent's metrics that count what cannot happen here (executors of their own, revocable resources, images,
 * framework messages): 0, because exporters complain of names that are missing.
 */
const alwaysZero: readonly string[] = [
  ...resourceNames.flatMap((name) =>
    ['total', 'used', 'percent'].map((what) => `slave/${name}_revocable_${what}`),
  ),
  'slave/executors_preempted',
  'slave/executors_registering',
  'slave/executors_terminated',
  'slave/invalid_framework_messages',
  'slave/invalid_status_updates',
  'slave/valid_framework_messages',
  'slave/recovery_errors',
  'slave/tasks_gone',
  'slave/tasks_lost',
  'slave/tasks_starting',
  'containerizer/mesos/container_destroy_errors',
];

function systemMetrics(): Readonly<Record<string, number>> {
  const [minute = 0, fiveMinutes = 0, quarter = 0] = loadavg();
  return {
    'system/load_1min': minute,
    'system/load_5min': fiveMinutes,
    'system/load_15min': quarter,
    'system/cpus_total': availableParallelism(),
    'system/mem_total_bytes': totalmem(),
    'system/mem_free_bytes': freemem(),
  };
}

/** GET /metrics/snapshot: Mesos's names (Mesos reference 3.10). */
export function metricsJson(view: AgentView): Readonly<Record<string, number>> {
  const phases = { launching: 0, running: 0, killing: 0, ended: 0 };
  const used: Record<string, number> = {};
  const frameworks = new Set<string>();
  for (const { phase, task, frameworkId } of view.desk.records()) {
    phases[phase]++;
    if (phase === 'ended') continue;
    frameworks.add(frameworkId);
    const ofTask = resourceSummary(task.resources);
    for (const name of resourceNames) used[name] = (used[name] ?? 0) + Number(ofTask[name]);
  }
  const total = resourceSummary(view.resources);
  const { totals } = view.desk;
  const metrics: Record<string, number> = {
    ...Object.fromEntries(alwaysZero.map((name) => [name, 0])),
    ...systemMetrics(),
    'slave/uptime_secs': (view.nowMs - view.startedAtMs) / 1000,
    'slave/registered': view.registered ? 1 : 0,
    'slave/recovery_time_secs': view.recoverySeconds,
    'slave/frameworks_active': frameworks.size,
    'slave/executors_running': phases.running,
    'slave/executors_terminating': phases.killing,
    'slave/tasks_staging': phases.launching,
    'slave/tasks_running': phases.running,
    'slave/tasks_killing': phases.killing,
    'slave/tasks_finished': totals.finished,
    'slave/tasks_failed': totals.failed,
    'slave/tasks_killed': totals.killed,
    'slave/valid_status_updates': totals.updates,
    'slave/container_launch_errors': totals.launchErrors,
    'slave/unacknowledged_status_updates': view.pendingUpdates,
    'containerizer/fetcher/cache_size_total_bytes': view.fetches?.cacheBytes ?? 0,
    'containerizer/fetcher/cache_size_used_bytes': view.fetches?.cacheUsedBytes ?? 0,
    'containerizer/fetcher/task_fetches_failed': view.fetches?.failed ?? 0,
    'containerizer/fetcher/task_fetches_succeeded': view.fetches?.succeeded ?? 0,
  };
  for (const name of resourceNames) {
    const [all, taken] = [Number(total[name]), Math.round((used[name] ?? 0) * 1_000) / 1_000];
    metrics[`slave/${name}_total`] = all;
    metrics[`slave/${name}_used`] = taken;
    metrics[`slave/${name}_percent`] = all > 0 ? taken / all : 0;
  }
  return metrics;
}
