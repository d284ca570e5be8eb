import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';

/** `/system/stats.json`: what the master's own machine has and how busy it is. */
export function systemStats(): Readonly<Record<string, number>> {
  const [minute = 0, fiveMinutes = 0, quarter = 0] = loadavg();
  return {
    avg_load_1min: minute,
    avg_load_5min: fiveMinutes,
    avg_load_15min: quarter,
    cpus_total: availableParallelism(),
    mem_total_bytes: totalmem(),
    mem_free_bytes: freemem(),
  };
}

/** The same by the names of `/metrics/snapshot`. */
export function systemMetrics(): Readonly<Record<string, number>> {
  const stats = systemStats();
  const metrics: Record<string, number> = {};
  for (const [name, value] of Object.entries(stats))
    metrics[`system/${name.replace('avg_load', 'load')}`] = value;
  return metrics;
}
