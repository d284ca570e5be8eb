import type { TaskState } from '../protocol/v1.js';
import { addScalars, type Scalars } from './decide/dominant-share.js';
import type { Master } from './master.js';

const liveStates: readonly (readonly [string, TaskState])[] = [
  ['staging', 'TASK_STAGING'],
  ['starting', 'TASK_STARTING'],
  ['running', 'TASK_RUNNING'],
  ['killing', 'TASK_KILLING'],
];

/** `/metrics/snapshot`: counters and gauges by Mesos's names (Mesos reference 3.10). */
export function metricsSnapshot(master: Master): Readonly<Record<string, number>> {
  const { cluster } = master;
  const snapshot: Record<string, number> = Object.fromEntries(master.counters.entries());
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
  for (const name of ['cpus', 'gpus', 'mem', 'disk']) {
    const all = total.get(name) ?? 0;
    const taken = used.get(name) ?? 0;
    put(`master/${name}_total`, all);
    put(`master/${name}_used`, taken);
    put(`master/${name}_percent`, all > 0 ? taken / all : 0);
  }
  return snapshot;
}
