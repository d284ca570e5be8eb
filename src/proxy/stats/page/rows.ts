import type { ProxyStats, ServiceStats } from '../proxy-stats.js';
import { recentOfAll } from '../recent-sums.js';

/** One app's line on the page: what the server knows and the reader's browser shows. Durations in milliseconds. */
export interface PageRow {
  readonly key: string;
  readonly app: string;
  readonly port: number;
  readonly mode: string;
  readonly hosts: readonly string[];
  /** See ServiceStats. */
  readonly states: string;
  readonly up: number;
  readonly known: number;
  /** Requests (sessions in tcp mode) of each of the last 60 seconds. */
  readonly past: readonly number[];
  /** Per second, over the last five. */
  readonly rate: number;
  /** Share of the last minute's requests that failed; undefined: there were none. */
  readonly errors?: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
  /** Requests of the last minute, and how many of them failed. */
  readonly lately: number;
  readonly failed: number;
  readonly now: number;
  readonly queue: number;
  readonly total: number;
  readonly bytesOut: number;
  readonly notServed?: string;
}

/** What the page shows of everything, refreshed each second. */
export interface PageState {
  readonly workers: string;
  readonly table: string;
  readonly connected: boolean;
  readonly since: string;
  readonly rate: number;
  readonly connections: number;
  readonly errors?: number;
  readonly queue: number;
  readonly rows: readonly PageRow[];
}

/** Seconds that a rate is taken over. */
const RATE_SECONDS = 5;

/** What all rows say together. */
export function pageState(stats: ProxyStats, rows: readonly PageRow[]): PageState {
  const requests = rows.reduce((sum, each) => sum + each.lately, 0);
  const failed = rows.reduce((sum, each) => sum + each.failed, 0);
  return {
    workers: stats.workers.map(workerText).join(', '),
    table: `${stats.table.epoch}-${stats.table.version}`,
    connected: stats.connected,
    since: new Date(Math.max(...stats.workers.map(({ startedMs }) => startedMs))).toISOString(),
    rate: rows.reduce((sum, { rate }) => sum + rate, 0),
    connections: stats.frontends.reduce((sum, { values }) => sum + values.scur, 0),
    ...(requests > 0 && { errors: failed / requests }),
    queue: rows.reduce((sum, { queue }) => sum + queue, 0),
    rows,
  };
}

export function pageRow(service: ServiceStats, notServed: ProxyStats['notServed']): PageRow {
  const { key, appId, port, mode, vhosts, states, up, known, values, past = [], versions } = service;
  const recent = recentOfAll(versions);
  const reason = notServed[port];
  const rate = past.slice(-RATE_SECONDS).reduce((sum, each) => sum + each, 0) / RATE_SECONDS;
  return {
    key,
    app: appId,
    port,
    mode,
    hosts: vhosts,
    states,
    up,
    known,
    past,
    rate: past.length > 0 ? rate : values.rate,
    ...(recent.requests > 0 && { errors: recent.errors / recent.requests }),
    ...recent.quantiles,
    lately: recent.requests,
    failed: recent.errors,
    now: values.scur,
    queue: service.qcur,
    total: mode === 'http' ? values.req_tot : values.stot,
    bytesOut: values.bout,
    ...(reason !== undefined && { notServed: reason }),
  };
}

function workerText({ pid, uptimeS, rssBytes, retiring }: ProxyStats['workers'][number]): string {
  const age =
    uptimeS < 120
      ? `${Math.floor(uptimeS)} s`
      : uptimeS < 7_200
        ? `${Math.floor(uptimeS / 60)} min`
        : `${Math.floor(uptimeS / 3_600)} h`;
  return `${pid} (up ${age}, ${Math.round(rssBytes / 1_048_576)} MiB${retiring ? ', retiring' : ''})`;
}
