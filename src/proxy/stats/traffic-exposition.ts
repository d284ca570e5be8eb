import type { AppId } from '../../apps/app.js';
import type { TrafficSummary } from '../control/traffic-book.js';
import { escaped, heading } from './prometheus-text.js';
import { Slices } from './slices.js';

/** Apps that are told of; the first that were heard of. */
const MAX_APPS = 10_000;

/** How requests of the last minute went, as all load balancers together say. */
export interface AppsTraffic {
  /** Those that had any lately. */
  trafficApps(): Iterable<AppId>;
  /** By version; empty: answered without an instance. */
  versionTraffic(appId: AppId): ReadonlyMap<string, TrafficSummary>;
}

interface Series {
  readonly name: string;
  readonly help: string;
  readonly read: (
    traffic: TrafficSummary,
  ) => readonly (readonly [label: string, value: number | undefined])[];
}

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1_000);

const series: readonly Series[] = [
  {
    name: 'longrun_app_requests_per_second',
    help: 'Requests of the last minute, by app version; empty: answered without an instance',
    read: ({ requestsPerSecond }) => [['', requestsPerSecond]],
  },
  {
    name: 'longrun_app_request_errors_ratio',
    help: 'Share of them that the app or the way to it failed',
    read: ({ errorShare }) => [['', errorShare]],
  },
  {
    name: 'longrun_app_request_latency_seconds',
    help: 'Time that they took, by quantile',
    read: ({ p50, p95, p99 }) => [
      [',quantile="0.5"', seconds(p50)],
      [',quantile="0.95"', seconds(p95)],
      [',quantile="0.99"', seconds(p99)],
    ],
  },
];

/** Prometheus text (0.0.4) of the last minute's traffic of each app version; written in slices. */
export async function trafficExposition(traffic: AppsTraffic): Promise<string> {
  const lines = series.map(() => [] as string[]);
  const slices = new Slices();
  let apps = 0;
  for (const appId of [...traffic.trafficApps()]) {
    if (slices.over) await slices.rest();
    if (++apps > MAX_APPS) break;
    for (const [version, summary] of traffic.versionTraffic(appId)) {
      const labels = `app="${escaped(appId)}",version="${escaped(version)}"`;
      for (const [index, { name, read }] of series.entries()) {
        for (const [label, value] of read(summary))
          if (value !== undefined)
            lines[index]?.push(`${name}{${labels}${label}} ${Math.round(value * 1e6) / 1e6}\n`);
      }
    }
  }
  return series
    .map(({ name, help }, index) => {
      const body = lines[index]?.join('') ?? '';
      return body === '' ? '' : heading(name, 'gauge', help) + body;
    })
    .join('');
}
