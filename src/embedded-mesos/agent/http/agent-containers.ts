import { setImmediate as turn } from 'node:timers/promises';
import type { AgentView } from './agent-state.js';

type Container = Readonly<Record<string, unknown>>;

/** Containers whose counters are read in one turn of the event loop: a few milliseconds. */
const READ_AT_ONCE = 15;

/** GET /containers and /monitor/statistics (Mesos reference 3.8): the counters as they are now. */
export async function containersJson(view: AgentView): Promise<readonly Container[]> {
  const containers: Container[] = [];
  let looks = 0;
  for (const record of [...view.desk.records()]) {
    if (++looks % READ_AT_ONCE === 0) await turn();
    const statistics = view.containerizer.statistics(record.containerId);
    if (!statistics) continue;
    const id = record.task.task_id.value;
    containers.push({
      container_id: record.containerId,
      executor_id: id,
      executor_name: record.task.name,
      framework_id: record.frameworkId,
      source: id,
      statistics,
      status: record.latest.container_status ?? {},
    });
  }
  return containers;
}

/**
 * The containers that a query of `/containers` asks for: one by `container_id`, a framework's by `framework_id`, one by
 * `framework_id` and `executor_id`. Undefined for any other combination, which a real agent refuses.
 */
export function chosenContainers(
  containers: readonly Container[],
  query: URLSearchParams,
): readonly Container[] | undefined {
  const [container, framework, executor] = ['container_id', 'framework_id', 'executor_id'].map((name) =>
    query.get(name),
  );
  if (container !== null && (framework !== null || executor !== null)) return undefined;
  if (executor !== null && framework === null) return undefined;
  return containers.filter(
    (each) =>
      (container === null || each['container_id'] === container) &&
      (framework === null || each['framework_id'] === framework) &&
      (executor === null || each['executor_id'] === executor),
  );
}
