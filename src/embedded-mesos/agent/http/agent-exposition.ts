import { setImmediate as turn } from 'node:timers/promises';
import { type ExposedTask, exposedMetrics, expositionLines } from '../decide/task-exposition.js';
import { metricsJson } from './agent-metrics.js';
import type { AgentView } from './agent-state.js';

/** Tasks whose lines of one metric are written in one turn of the event loop. */
const WRITTEN_AT_ONCE = 500;

/** GET /metrics and /metrics/prometheus: the agent's metrics and, as of the last look at them, the counters of every task. */
export async function agentExposition(view: AgentView): Promise<string> {
  const tasks: ExposedTask[] = [];
  for (const { containerId, task } of view.desk.records()) {
    const sample = view.samples.get(containerId);
    if (sample) tasks.push({ taskId: sample.taskId, name: task.name, statistics: sample.statistics });
  }
  const parts = Object.entries(metricsJson(view)).map(([name, value]) => {
    const legal = `mesos_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`;
    return `# TYPE ${legal} gauge\n${legal} ${value}\n`;
  });
  for (const metric of exposedMetrics) {
    parts.push(`# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} ${metric.type}\n`);
    for (let from = 0; from < tasks.length; from += WRITTEN_AT_ONCE) {
      parts.push(expositionLines(metric, tasks.slice(from, from + WRITTEN_AT_ONCE)));
      await turn();
    }
  }
  return parts.join('');
}
