import type { ResourceStatistics } from '../../containers/containerizer.js';
import { ioBytes } from '../../containers/decide/cgroup-statistics.js';

/** Whose counters they are. */
export interface ExposedTask {
  readonly taskId: string;
  readonly name: string;
  readonly statistics: ResourceStatistics;
}

interface Series {
  /** What tells it from the other series of its metric. */
  readonly labels?: readonly (readonly [name: string, value: string])[];
  readonly read: (statistics: ResourceStatistics) => number | undefined;
}

interface ExposedMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly series: readonly Series[];
}

const memory = (kind: string, read: Series['read']): Series => ({ labels: [['kind', kind]], read });
const stall = (resource: string, who: 'some' | 'full', read: Series['read']): Series => ({
  labels: [
    ['resource', resource],
    ['stalled', who],
  ],
  read,
});

/** What an agent tells Prometheus of every task that runs; series that are not counted are left out. */
export const exposedMetrics: readonly ExposedMetric[] = [
  {
    name: 'longrun_task_cpu_seconds_total',
    type: 'counter',
    help: 'Processor time since the container began',
    series: [
      { labels: [['mode', 'user']], read: (each) => each.cpus_user_time_secs },
      { labels: [['mode', 'system']], read: (each) => each.cpus_system_time_secs },
    ],
  },
  {
    name: 'longrun_task_cpu_throttled_seconds_total',
    type: 'counter',
    help: 'Time in which the quota held the task back',
    series: [{ read: (each) => each.cpus_throttled_time_secs }],
  },
  {
    name: 'longrun_task_cpus_requested',
    type: 'gauge',
    help: 'Processors asked for',
    series: [{ read: (each) => each.cpus_soft_limit }],
  },
  {
    name: 'longrun_task_memory_bytes',
    type: 'gauge',
    help: 'Memory by kind; working_set is what a limit must leave room for',
    series: [
      memory('working_set', (each) => each.mem_working_set_bytes),
      memory('rss', (each) => each.mem_rss_bytes),
      memory('cache', (each) => each.mem_cache_bytes),
      memory('swap', (each) => each.mem_swap_bytes),
      memory('peak', (each) => each.mem_peak_bytes),
      memory('requested', (each) => each.mem_soft_limit_bytes),
      memory('limit', (each) => each.mem_limit_bytes),
    ],
  },
  {
    name: 'longrun_task_processes',
    type: 'gauge',
    help: 'Processes',
    series: [{ read: (each) => each.processes }],
  },
  {
    name: 'longrun_task_threads',
    type: 'gauge',
    help: 'Threads',
    series: [{ read: (each) => each.threads }],
  },
  {
    name: 'longrun_task_io_bytes_total',
    type: 'counter',
    help: 'Bytes moved from and to block devices',
    series: (['READ', 'WRITE'] as const).map((op) => ({
      labels: [['direction', op.toLowerCase()]],
      read: (each) => each.blkio_statistics && ioBytes(each, op),
    })),
  },
  {
    name: 'longrun_task_pressure_seconds_total',
    type: 'counter',
    help: 'Time in which some or all threads waited for a resource, where the kernel counts it (PSI)',
    series: [
      stall('cpu', 'some', (each) => each.pressure_cpu_some_secs),
      stall('memory', 'some', (each) => each.pressure_memory_some_secs),
      stall('memory', 'full', (each) => each.pressure_memory_full_secs),
      stall('io', 'some', (each) => each.pressure_io_some_secs),
      stall('io', 'full', (each) => each.pressure_io_full_secs),
    ],
  },
  {
    name: 'longrun_task_disk_bytes',
    type: 'gauge',
    help: 'Size of the sandbox',
    series: [{ read: (each) => each.disk_used_bytes }],
  },
  {
    name: 'longrun_task_network_bytes_total',
    type: 'counter',
    help: 'Bytes over a network of its own',
    series: [
      { labels: [['direction', 'receive']], read: (each) => each.net_rx_bytes },
      { labels: [['direction', 'send']], read: (each) => each.net_tx_bytes },
    ],
  },
];

/** The lines of one metric for some tasks (Prometheus text exposition 0.0.4), without its head. */
export function expositionLines({ name, series }: ExposedMetric, tasks: readonly ExposedTask[]): string {
  let text = '';
  for (const { taskId, name: taskName, statistics } of tasks) {
    for (const { labels, read } of series) {
      const value = read(statistics);
      if (value === undefined || !Number.isFinite(value)) continue;
      const more = (labels ?? []).map(([label, text]) => `,${label}="${text}"`).join('');
      text += `${name}{task="${escaped(taskId)}",name="${escaped(taskName)}"${more}} ${value}\n`;
    }
  }
  return text;
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
