import type { Containerizer } from '../../containers/containerizer.js';
import type { FetchTotals } from '../../containers/fetcher/fetcher.js';
import type { RunFiles } from '../../containers/run-files.js';
import { rangesText } from '../../protocol/resource-text.js';
import { reservedRole } from '../../protocol/resources.js';
import type { Attribute, Resource } from '../../protocol/v1.js';
import type { TaskDesk } from '../task-desk.js';
import type { TaskRecord } from '../task-record.js';
import type { Sample } from '../usage/usage-sampler.js';

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
  /** The last look at every container. */
  readonly samples: ReadonlyMap<string, Sample>;
  readonly pendingUpdates: number;
  /** Absent: it fetches nothing. */
  readonly fetches?: FetchTotals;
  /** What a real agent calls its flags; those that mean something here, as text. */
  readonly flags: Readonly<Record<string, string>>;
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

/** What Mesos's state documents call an agent's abilities; those that ours has. */
const CAPABILITIES = ['MULTI_ROLE', 'HIERARCHICAL_ROLE', 'RESERVATION_REFINEMENT', 'TASK_RESOURCE_LIMITS'];

/** `/version`: a real agent's members; ours is not built apart from its package, so nobody knows more. */
export function versionJson({ version }: Pick<AgentView, 'version'>): Readonly<Record<string, unknown>> {
  return { build_date: '', build_time: 0, build_user: 'longrun', version };
}

/** The role that a task's resources were given to. */
function roleOf({ task }: TaskRecord): string {
  return task.resources.find(({ allocation_info: given }) => given?.role)?.allocation_info?.role ?? '*';
}

function taskJson(record: TaskRecord): Record<string, unknown> {
  const { task, frameworkId, latest } = record;
  return {
    id: task.task_id.value,
    name: task.name,
    framework_id: frameworkId,
    // A command's executor is the agent's own: nobody named it.
    executor_id: '',
    slave_id: task.agent_id.value,
    state: latest.state,
    resources: resourceSummary(task.resources),
    role: roleOf(record),
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
    role: roleOf(record),
    ...(record.task.labels && { labels: record.task.labels.labels }),
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
  const frameworks = [...byFramework].map(([id, executors]) => ({
    id,
    roles: [...new Set(executors.map((executor) => executor['role']))],
    executors,
    completed_executors: [],
  }));
  const unreserved: Resource[] = [];
  const reserved = new Map<string, Resource[]>();
  for (const resource of view.resources) {
    const role = reservedRole(resource);
    if (role === undefined) unreserved.push(resource);
    else reserved.set(role, [...(reserved.get(role) ?? []), resource]);
  }
  const used = [...view.desk.records()]
    .filter(({ phase }) => phase !== 'ended')
    .flatMap(({ task }) => task.resources);
  return {
    ...versionJson(view),
    start_time: view.startedAtMs / 1000,
    id: view.agentId ?? '',
    pid: `slave(1)@${view.hostname}:${view.port}`,
    hostname: view.hostname,
    capabilities: CAPABILITIES,
    resources: resourceSummary(view.resources),
    reserved_resources: Object.fromEntries(
      [...reserved].map(([role, resources]) => [role, resourceSummary(resources)]),
    ),
    unreserved_resources: resourceSummary(unreserved),
    reserved_resources_full: Object.fromEntries(reserved),
    unreserved_resources_full: unreserved.map((resource) => ({ ...resource, role: '*' })),
    reserved_resources_allocated: {},
    unreserved_resources_allocated: resourceSummary(used),
    resource_providers: [],
    attributes: attributeSummary(view.attributes),
    flags: view.flags,
    isolation: view.containerizer.isolationKind,
    not_isolated: view.containerizer.gaps,
    frameworks,
    completed_frameworks: [],
  };
}
