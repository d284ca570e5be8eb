import type { TaskState } from '../protocol/v1.js';
import type { FrameworkRecord } from './cluster.js';
import { addScalars, dominantShare, type Scalars } from './decide/dominant-share.js';
import type { Master } from './master.js';
import { countedNames } from './metric-names.js';
import { systemMetrics } from './system-stats.js';

const liveStates: readonly (readonly [string, TaskState])[] = [
  ['staging', 'TASK_STAGING'],
  ['starting', 'TASK_STARTING'],
  ['running', 'TASK_RUNNING'],
  ['killing', 'TASK_KILLING'],
];

/** `/metrics/snapshot`: counters and gauges by Mesos's names (Mesos reference 3.10). */
export function metricsSnapshot(master: Master): Readonly<Record<string, number>> {
  const { cluster } = master;
  const snapshot: Record<string, number> = Object.fromEntries(countedNames.map((name) => [name, 0]));
  for (const [name, value] of master.counters.entries()) snapshot[name] = value;
  Object.assign(snapshot, systemMetrics());
  const put = (name: string, value: number): void => {
    snapshot[name] = value;
  };
  put('master/uptime_secs', (master.nowMs() - master.startedAtMs) / 1000);
  put('master/elected', 1);
  put('master/outstanding_offers', master.offersOutstanding);
  put('allocator/mesos/allocation_runs', master.allocationRuns);
  put('allocator/mesos/offer_filters_active', master.refusalsActive);
  const links = { connected: 0, disconnected: 0, recovered: 0, 'shut-down': 0 };
  let total: Scalars = new Map();
  let used: Scalars = new Map();
  for (const agent of cluster.agents.values()) {
    links[agent.link]++;
    if (agent.link !== 'connected' && agent.link !== 'disconnected') continue;
    total = addScalars(total, agent.ledger.total.scalars());
    used = addScalars(used, agent.ledger.used.scalars());
  }
  put('master/slaves_connected', links.connected);
  put('master/slaves_active', links.connected);
  put('master/slaves_disconnected', links.disconnected);
  put('master/slaves_inactive', links.disconnected);
  put('master/slaves_unreachable', cluster.unreachable.size);
  const frameworks = [...cluster.frameworks.values()];
  const connected = frameworks.filter(({ sink }) => sink !== undefined).length;
  put('master/frameworks_connected', connected);
  put('master/frameworks_active', connected);
  put('master/frameworks_disconnected', frameworks.length - connected);
  put('master/frameworks_inactive', frameworks.length - connected);
  for (const [name, state] of liveStates)
    put(
      `master/tasks_${name}`,
      frameworks.reduce((sum, { counts }) => sum + counts.of(state), 0),
    );
  put(
    'master/tasks_unreachable',
    frameworks.reduce((sum, { unreachableTasks }) => sum + unreachableTasks.size, 0),
  );
  for (const framework of frameworks) Object.assign(snapshot, frameworkMetrics(framework));
  shareMetrics(master, put);
  for (const name of ['cpus', 'gpus', 'mem', 'disk']) {
    const all = total.get(name) ?? 0;
    const taken = used.get(name) ?? 0;
    put(`master/${name}_total`, all);
    put(`master/${name}_used`, taken);
    put(`master/${name}_percent`, all > 0 ? taken / all : 0);
  }
  return snapshot;
}

const activeStates: readonly TaskState[] = ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING'];
const endStates: readonly TaskState[] = [
  'TASK_DROPPED',
  'TASK_ERROR',
  'TASK_FAILED',
  'TASK_FINISHED',
  'TASK_GONE',
  'TASK_KILLED',
  'TASK_LOST',
];

/** What is kept per framework, under its percent-encoded name and its id. */
function frameworkMetrics({
  id,
  info,
  counts,
  sink,
  unreachableTasks,
  roles,
  suppressed,
}: FrameworkRecord): Readonly<Record<string, number>> {
  const prefix = `master/frameworks/${encodeURIComponent(info.name)}/${id}`;
  const metrics: Record<string, number> = {
    [`${prefix}/subscribed`]: sink === undefined ? 0 : 1,
    [`${prefix}/tasks/active/task_unreachable`]: unreachableTasks.size,
  };
  for (const state of activeStates)
    metrics[`${prefix}/tasks/active/${state.toLowerCase()}`] = counts.of(state);
  for (const state of endStates)
    metrics[`${prefix}/tasks/terminal/${state.toLowerCase()}`] = counts.of(state);
  for (const role of roles) metrics[`${prefix}/roles/${role}/suppressed`] = suppressed.has(role) ? 1 : 0;
  return metrics;
}

/** How much of the cluster is given out, and each role's dominant share. */
function shareMetrics(master: Master, put: (name: string, value: number) => void): void {
  const total = master.clusterTotal;
  const roles = new Set([...master.cluster.frameworks.values()].flatMap((framework) => framework.roles));
  let held: Scalars = new Map();
  for (const role of roles) {
    const ofRole = master.heldBy(role);
    held = addScalars(held, ofRole);
    put(`allocator/mesos/roles/${role}/shares/dominant`, dominantShare(ofRole, total));
  }
  for (const name of ['cpus', 'mem', 'disk']) {
    put(`allocator/mesos/resources/${name}/total`, total.get(name) ?? 0);
    put(`allocator/mesos/resources/${name}/offered_or_allocated`, held.get(name) ?? 0);
  }
}
