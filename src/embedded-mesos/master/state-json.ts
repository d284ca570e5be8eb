import { rangesText } from '../protocol/resource-text.js';
import { type Resources, reservedRole } from '../protocol/resources.js';
import type { Attribute, TaskState } from '../protocol/v1.js';
import type { AgentRecord, FrameworkRecord, MasterTask } from './cluster.js';
import { ResourceSum } from './resource-sum.js';
import type { TaskCounts } from './task-counts.js';

/** What Mesos's state documents call an agent's abilities; those that ours has. */
const AGENT_CAPABILITIES = [
  'MULTI_ROLE',
  'HIERARCHICAL_ROLE',
  'RESERVATION_REFINEMENT',
  'TASK_RESOURCE_LIMITS',
];
const summaryStates: readonly TaskState[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_KILLED',
  'TASK_FAILED',
  'TASK_LOST',
  'TASK_ERROR',
  'TASK_UNREACHABLE',
];

type Json = Readonly<Record<string, unknown>>;

/** `{cpus, gpus, mem, disk}` always, other scalars by name, ranges and sets as text when there are any (Mesos reference 3.6). */
export function resourceSummary(resources: Resources): Json {
  const summary: Record<string, unknown> = { disk: 0, mem: 0, gpus: 0, cpus: 0 };
  for (const [name, amount] of resources.scalars()) summary[name] = amount;
  for (const { name, type, ranges, set } of resources.toList()) {
    if (type === 'RANGES') summary[name] = rangesText(ranges?.range ?? []);
    if (type === 'SET') summary[name] = `{${(set?.item ?? []).join(', ')}}`;
  }
  return summary;
}

/** An agent as `/slaves`, `/state` and `/state-summary` show it. */
export function agentJson(agent: AgentRecord, ip: string): Json {
  const { ledger, info } = agent;
  return {
    id: agent.id,
    hostname: info.hostname,
    port: info.port,
    attributes: attributesJson(info.attributes ?? []),
    ...(info.domain ? { domain: info.domain } : {}),
    pid: `slave(1)@${ip}:${info.port}`,
    registered_time: agent.registeredAtMs / 1000,
    ...(agent.reregisteredAtMs === undefined ? {} : { reregistered_time: agent.reregisteredAtMs / 1000 }),
    resources: resourceSummary(ledger.total),
    used_resources: resourceSummary(ledger.used),
    offered_resources: resourceSummary(ledger.offered),
    reserved_resources: Object.fromEntries(
      reservedRoles(ledger.total).map((role) => [role, resourceSummary(reservedTo(ledger.total, role))]),
    ),
    unreserved_resources: resourceSummary(unreserved(ledger.total)),
    active: agent.link === 'connected',
    deactivated: false,
    version: agent.version,
    capabilities: AGENT_CAPABILITIES,
  };
}

/** What `/slaves` and `/state` add. */
export function agentFullJson(agent: AgentRecord, ip: string): Json {
  const { total, used, offered } = agent.ledger;
  return {
    ...agentJson(agent, ip),
    reserved_resources_full: Object.fromEntries(
      reservedRoles(total).map((role) => [role, reservedTo(total, role).toList()]),
    ),
    unreserved_resources_full: withOldRole(unreserved(total)),
    used_resources_full: withOldRole(used),
    offered_resources_full: withOldRole(offered),
  };
}

/** Scalars as numbers, everything else as text. */
export function attributesJson(attributes: readonly Attribute[]): Json {
  return Object.fromEntries(
    attributes.map(({ name, scalar, ranges, set, text }) => [
      name,
      scalar?.value ??
        text?.value ??
        (ranges ? rangesText(ranges.range) : `{${(set?.item ?? []).join(', ')}}`),
    ]),
  );
}

/** What a framework's tasks use and its offers hold. */
export interface FrameworkSums {
  readonly used: ResourceSum;
  readonly offered: ResourceSum;
  /** Agents that its tasks are on. */
  readonly agentIds: ReadonlySet<string>;
}

/** A framework without its lists of tasks, offers and executors. */
export function frameworkJson(framework: FrameworkRecord, sums: FrameworkSums): Json {
  const { info } = framework;
  const held = new ResourceSum();
  held.addAll(sums.used);
  held.addAll(sums.offered);
  return {
    ...frameworkSummary(framework, sums),
    user: info.user,
    failover_timeout: info.failover_timeout ?? 0,
    checkpoint: info.checkpoint ?? false,
    registered_time: framework.registeredAtMs / 1000,
    unregistered_time: framework.unregisteredAtMs / 1000,
    ...(info.principal === undefined ? {} : { principal: info.principal }),
    resources: held.summary(),
    ...(framework.reregisteredAtMs === undefined
      ? {}
      : { reregistered_time: framework.reregisteredAtMs / 1000 }),
    ...(framework.traits.multiRole ? { roles: framework.roles } : { role: info.role ?? '*' }),
    ...(info.labels ? { labels: info.labels.labels } : {}),
  };
}

/** The part that `/state-summary` shows as well. */
export function frameworkSummary(
  framework: FrameworkRecord,
  { used, offered }: Pick<FrameworkSums, 'used' | 'offered'>,
): Json {
  const { info } = framework;
  return {
    id: framework.id,
    name: info.name,
    used_resources: used.summary(),
    offered_resources: offered.summary(),
    capabilities: info.capabilities?.map(({ type }) => type) ?? [],
    hostname: info.hostname ?? '',
    webui_url: info.webui_url ?? '',
    active: framework.sink !== undefined,
    connected: framework.sink !== undefined,
    recovered: framework.recovered,
  };
}

/** A task as `/state` and `/tasks` show it. */
export function taskJson(task: MasterTask): Json {
  const { info } = task;
  return {
    id: task.taskId,
    name: info.name,
    framework_id: task.frameworkId,
    executor_id: '',
    slave_id: task.agentId,
    state: task.state,
    resources: resourceSummary(task.resources),
    ...(info.limits
      ? { limits: Object.fromEntries(Object.entries(info.limits).map(([name, { value }]) => [name, value])) }
      : {}),
    role: task.role,
    statuses: task.history.map(({ state, timestamp, labels, container_status, healthy }) => ({
      state,
      timestamp,
      ...(labels ? { labels: labels.labels } : {}),
      ...(container_status ? { container_status } : {}),
      ...(healthy === undefined ? {} : { healthy }),
    })),
    ...(info.command?.user === undefined ? {} : { user: info.command.user }),
    ...(info.labels ? { labels: info.labels.labels } : {}),
    ...(info.discovery ? { discovery: info.discovery } : {}),
    ...(info.container ? { container: info.container } : {}),
    ...(info.health_check ? { health_check: info.health_check } : {}),
  };
}

export function countsJson(counts: TaskCounts, unreachable = 0): Json {
  const json: Record<string, number> = {};
  for (const state of summaryStates)
    json[state] = state === 'TASK_UNREACHABLE' ? unreachable : counts.of(state);
  return json;
}

function unreserved(resources: Resources): Resources {
  return resources.filter((resource) => reservedRole(resource) === undefined);
}

function reservedTo(resources: Resources, role: string): Resources {
  return resources.filter((resource) => reservedRole(resource) === role);
}

function reservedRoles(resources: Resources): readonly string[] {
  return [...new Set(resources.toList().flatMap((resource) => reservedRole(resource) ?? []))];
}

function withOldRole(resources: Resources): readonly Json[] {
  return resources.toList().map((resource) => ({ ...resource, role: reservedRole(resource) ?? '*' }));
}
