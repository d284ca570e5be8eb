import type { Containerizer } from '../../containers/containerizer.js';
import type { RunFiles } from '../../containers/run-files.js';
import { rangesText } from '../../protocol/resource-text.js';
import type { Attribute, Resource } from '../../protocol/v1.js';
import type { TaskDesk } from '../task-desk.js';
import type { TaskRecord } from '../task-record.js';

/** What the agent shows of itself. */
export interface AgentView {
  readonly version: string;
  readonly agentId: string | undefined;
  readonly registered: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly recoverySeconds: number;
  readonly resources: readonly Resource[];
  readonly attributes: readonly Attribute[];
  readonly desk: TaskDesk;
  readonly containerizer: Containerizer;
  readonly files: RunFiles;
  readonly pendingUpdates: number;
}

/** A resource list as Mesos's state shows it: numbers by name, ports as text. */
export function resourceSummary(resources: readonly Resource[]): Readonly<Record<string, number | string>> {
  const summary: Record<string, number | string> = { cpus: 0, gpus: 0, mem: 0, disk: 0 };
  for (const { name, type, scalar, ranges, set } of resources) {
    if (type === 'SCALAR') summary[name] = Number(summary[name] ?? 0) + (scalar?.value ?? 0);
    else if (type === 'RANGES') summary[name] = rangesText(ranges?.range ?? []);
    else summary[name] = `{${(set?.item ?? []).join(', ')}}`;
  }
  return summary;
}

function attributeSummary(attributes: readonly Attribute[]): Readonly<Record<string, number | string>> {
  return Object.fromEntries(
    attributes.map(({ name, scalar, ranges, text }) => [
      name,
      scalar?.value ?? text?.value ?? rangesText(ranges?.range ?? []),
    ]),
  );
}

function taskJson({ task, frameworkId, latest }: TaskRecord): Record<string, unknown> {
  return {
    id: task.task_id.value,
    name: task.name,
    framework_id: frameworkId,
    executor_id: task.task_id.value,
    slave_id: task.agent_id.value,
    state: latest.state,
    resources: resourceSummary(task.resources),
    statuses: [
      {
        state: latest.state,
        timestamp: latest.timestamp,
        ...(latest.container_status && { container_status: latest.container_status }),
      },
    ],
    ...(task.labels && { labels: task.labels.labels }),
    ...(task.discovery && { discovery: task.discovery }),
  };
}

function executorJson(record: TaskRecord, files: RunFiles): Record<string, unknown> {
  const id = record.task.task_id.value;
  return {
    id,
    name: `Command Executor (Task: ${id})`,
    source: id,
    container: record.containerId,
    directory: files.sandbox(record.containerId),
    resources: resourceSummary(record.task.resources),
    tasks: record.phase === 'launching' || record.phase === 'ended' ? [] : [taskJson(record)],
    queued_tasks: record.phase === 'launching' ? [taskJson(record)] : [],
    completed_tasks: record.phase === 'ended' ? [taskJson(record)] : [],
  };
}

/** GET /state (Mesos reference 3.8). */
export function stateJson(view: AgentView): Record<string, unknown> {
  const byFramework = new Map<string, Record<string, unknown>[]>();
  for (const record of view.desk.records()) {
    const executors = byFramework.get(record.frameworkId) ?? [];
    byFramework.set(record.frameworkId, executors);
    executors.push(executorJson(record, view.files));
  }
  return {
    version: view.version,
    id: view.agentId ?? '',
    pid: `slave(1)@${view.hostname}:${view.port}`,
    hostname: view.hostname,
    start_time: view.startedAtMs / 1000,
    resources: resourceSummary(view.resources),
    attributes: attributeSummary(view.attributes),
    isolation: view.containerizer.isolationKind,
    not_isolated: view.containerizer.gaps,
    frameworks: [...byFramework].map(([id, executors]) => ({ id, executors })),
    completed_frameworks: [],
  };
}

/** GET /containers and /monitor/statistics. */
export function containersJson(view: AgentView): readonly Record<string, unknown>[] {
  return [...view.desk.records()].flatMap((record) => {
    const statistics = view.containerizer.statistics(record.containerId);
    if (!statistics) return [];
    const id = record.task.task_id.value;
    return [
      {
        container_id: record.containerId,
        framework_id: record.frameworkId,
        executor_id: id,
        executor_name: record.task.name,
        source: id,
        statistics,
        status: record.latest.container_status ?? {},
      },
    ];
  });
}

/** GET /metrics/snapshot: Mesos's names (Mesos reference 3.10). */
export function metricsJson(view: AgentView): Readonly<Record<string, number>> {
  const phases = { launching: 0, running: 0, killing: 0, ended: 0 };
  let cpusUsed = 0;
  let memUsed = 0;
  for (const { phase, task } of view.desk.records()) {
    phases[phase]++;
    if (phase === 'ended') continue;
    const used = resourceSummary(task.resources);
    cpusUsed += Number(used['cpus']);
    memUsed += Number(used['mem']);
  }
  const total = resourceSummary(view.resources);
  const { totals } = view.desk;
  return {
    'slave/uptime_secs': (view.nowMs - view.startedAtMs) / 1000,
    'slave/registered': view.registered ? 1 : 0,
    'slave/recovery_time_secs': view.recoverySeconds,
    'slave/tasks_staging': phases.launching,
    'slave/tasks_running': phases.running,
    'slave/tasks_killing': phases.killing,
    'slave/tasks_finished': totals.finished,
    'slave/tasks_failed': totals.failed,
    'slave/tasks_killed': totals.killed,
    'slave/container_launch_errors': totals.launchErrors,
    'slave/unacknowledged_status_updates': view.pendingUpdates,
    'slave/cpus_total': Number(total['cpus']),
    'slave/cpus_used': cpusUsed,
    'slave/mem_total': Number(total['mem']),
    'slave/mem_used': memUsed,
    'slave/disk_total': Number(total['disk']),
  };
}
