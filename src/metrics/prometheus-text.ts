import { Counter, Gauge, Registry } from 'prom-client';
import type { Distribution } from './decide/distribution.js';
import type { RateSnapshot } from './decide/moving-rate.js';

/** One instrument's state, as it goes into the exposition. */
export type Sample =
  | { readonly kind: 'counter'; readonly name: string; readonly value: number }
  | { readonly kind: 'gauge'; readonly name: string; readonly value: number }
  | { readonly kind: 'rates'; readonly name: string; readonly rates: RateSnapshot }
  | {
      readonly kind: 'summary';
      readonly name: string;
      readonly count: number;
      readonly sum: number;
      readonly distribution: Distribution;
      readonly rates?: RateSnapshot;
    };

const quantiles = [
  [0.5, 'p50'],
  [0.75, 'p75'],
  [0.95, 'p95'],
  [0.98, 'p98'],
  [0.99, 'p99'],
  [0.999, 'p999'],
] as const;

/** Marathon's rule: every character outside `[a-zA-Z0-9_]` becomes `_`. */
export function prometheusName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}

/**
 * Prometheus text of samples. prom-client writes counters, gauges and the process's basics; its own summaries keep their
 * own samples, which ours already have, so summaries are written here.
 */
export class PrometheusText {
  async render(samples: readonly Sample[]): Promise<string> {
    const registry = new Registry();
    const summaries: string[] = [];
    for (const sample of samples) {
      const name = prometheusName(sample.name);
      if (sample.kind === 'counter') counter(registry, name, sample.value);
      else if (sample.kind === 'gauge') gauge(registry, name, sample.value);
      else if (sample.kind === 'rates') {
        counter(registry, `${name}_count`, sample.rates.count);
        rateGauges(registry, name, sample.rates);
      } else {
        summaries.push(summary(name, sample.count, sample.sum, sample.distribution));
        for (const part of ['min', 'mean', 'max', 'stddev'] as const) {
          gauge(registry, `${name}_${part}`, sample.distribution[part]);
        }
        if (sample.rates) rateGauges(registry, name, sample.rates);
      }
    }
    processBasics(registry);
    return `${await registry.metrics()}${summaries.map((text) => `\n${text}`).join('')}`;
  }
}

function counter(registry: Registry, name: string, value: number): void {
  const metric = new Counter({ name, help: name, registers: [registry] });
  metric.inc(value);
}

function gauge(registry: Registry, name: string, value: number): void {
  const metric = new Gauge({ name, help: name, registers: [registry] });
  metric.set(value);
}

function rateGauges(registry: Registry, name: string, rates: RateSnapshot): void {
  for (const part of ['m1_rate', 'm5_rate', 'm15_rate', 'mean_rate'] as const) {
    gauge(registry, `${name}_${part}`, rates[part]);
  }
}

function summary(name: string, count: number, sum: number, distribution: Distribution): string {
  const lines = quantiles.map(([quantile, key]) => `${name}{quantile="${quantile}"} ${distribution[key]}`);
  return [
    `# HELP ${name} ${name}`,
    `# TYPE ${name} summary`,
    ...lines,
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
    '',
  ].join('\n');
}

/** Read when asked, without timers or observers: the names that Prometheus dashboards know. */
function processBasics(registry: Registry): void {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  counter(registry, 'process_cpu_seconds_total', (user + system) / 1e6);
  gauge(registry, 'process_start_time_seconds', Math.round(Date.now() / 1000 - process.uptime()));
  gauge(registry, 'process_resident_memory_bytes', rss);
  gauge(registry, 'nodejs_heap_size_used_bytes', heapUsed);
  gauge(registry, 'nodejs_heap_size_total_bytes', heapTotal);
  gauge(registry, 'nodejs_external_memory_bytes', external);
}
