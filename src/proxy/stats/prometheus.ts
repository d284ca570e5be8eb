import { escaped, heading } from './prometheus-text.js';
import type { ProxyStats } from './proxy-stats.js';
import { type StatRow, statRows } from './stat-rows.js';
import { trafficPrometheus } from './traffic-prometheus.js';

export interface PrometheusOptions {
  /** Single servers are left out. */
  readonly omitServers?: boolean;
}

/** A column of the statistics as HAProxy's exporter names it. */
interface Metric {
  readonly column: string;
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Rows that have it: `f`rontends, `b`ackends, `s`ervers. */
  readonly of: string;
  /** Columns in milliseconds are shown in seconds. */
  readonly perUnit?: number;
}

const MS_PER_S = 1_000;
const counter = (of: string, column: string, name: string, help: string): Metric => {
  return { column, name: `${name}_total`, type: 'counter', help, of };
};
const gauge = (of: string, column: string, name: string, help: string): Metric => {
  return { column, name, type: 'gauge', help, of };
};
const seconds = (column: string, name: string, help: string): Metric => {
  return { column, name: `${name}_seconds`, type: 'gauge', help, of: 'bs', perUnit: MS_PER_S };
};

const metrics: readonly Metric[] = [
  gauge('bs', 'qcur', 'current_queue', 'Requests that wait for a server with room'),
  gauge('bs', 'qmax', 'max_queue', 'Most that ever waited at once'),
  gauge('fbs', 'scur', 'current_sessions', 'Sessions in progress'),
  gauge('fbs', 'smax', 'max_sessions', 'Most sessions at once'),
  gauge('s', 'slim', 'limit_sessions', 'Sessions that are let in at once'),
  counter('fbs', 'stot', 'sessions', 'Sessions'),
  counter('fbs', 'bin', 'bytes_in', 'Bytes from clients'),
  counter('fbs', 'bout', 'bytes_out', 'Bytes to clients'),
  counter('fb', 'dreq', 'requests_denied', 'Requests that a rule turned away'),
  counter('fbs', 'dresp', 'responses_denied', 'Answers that a rule held back'),
  counter('f', 'ereq', 'request_errors', 'Requests refused for what they are'),
  counter('bs', 'econ', 'connection_errors', 'Connections to servers that failed'),
  counter('bs', 'eresp', 'response_errors', 'Answers that failed'),
  counter('bs', 'wretr', 'retry_warnings', 'Attempts repeated'),
  counter('bs', 'wredis', 'redispatch_warnings', 'Attempts repeated on another server'),
  gauge('bs', 'weight', 'weight', 'Weight; of a backend: servers that get requests'),
  gauge('bs', 'uweight', 'uweight', 'Weight as it was asked for'),
  gauge('b', 'act', 'active_servers', 'Servers that get requests'),
  gauge('b', 'bck', 'backup_servers', 'Servers in reserve; there are none'),
  counter('s', 'chkfail', 'check_failures', 'Failures that count against the server'),
  counter('s', 'chkdown', 'check_up_down', 'Times that it was left alone for its failures'),
  counter('bs', 'lbtot', 'loadbalanced', 'Times that it was chosen'),
  gauge('fbs', 'rate_max', 'max_session_rate', 'Most sessions in a second'),
  counter('fb', 'req_tot', 'http_requests', 'HTTP requests'),
  gauge('f', 'req_rate_max', 'http_requests_rate_max', 'Most HTTP requests in a second'),
  gauge('f', 'conn_rate_max', 'connections_rate_max', 'Most connections in a second'),
  counter('f', 'conn_tot', 'connections', 'Connections'),
  counter('f', 'dcon', 'denied_connections', 'Connections turned away'),
  counter('fb', 'intercepted', 'intercepted_requests', 'Requests answered without a server'),
  counter('bs', 'cli_abrt', 'client_aborts', 'Transfers ended by the client'),
  counter('bs', 'srv_abrt', 'server_aborts', 'Transfers ended by the server'),
  gauge('bs', 'lastsess', 'last_session_seconds', 'Age of the last session; -1: there was none'),
  seconds('qtime', 'queue_time_average', 'Time in queues, over the last 1 024'),
  seconds('ctime', 'connect_time_average', 'Time to connect, over the last 1 024'),
  seconds('rtime', 'response_time_average', 'Time to the answer, over the last 1 024'),
  seconds('ttime', 'total_time_average', 'Time in all, over the last 1 024'),
  seconds('qtime_max', 'max_queue_time', 'Longest time in queues'),
  seconds('ctime_max', 'max_connect_time', 'Longest time to connect'),
  seconds('rtime_max', 'max_response_time', 'Longest time to the answer'),
  seconds('ttime_max', 'max_total_time', 'Longest time in all'),
  counter('bs', 'connect', 'connection_attempts', 'Connections to servers made'),
  counter('bs', 'reuse', 'connection_reuses', 'Requests over connections that were there'),
  gauge('s', 'idle_conn_cur', 'idle_connections_current', 'Connections that rest'),
  gauge('s', 'used_conn_cur', 'used_connections_current', 'Connections in use'),
];

const kinds = [
  { letter: 'f', prefix: 'haproxy_frontend', states: ['DOWN', 'UP'] },
  { letter: 'b', prefix: 'haproxy_backend', states: ['DOWN', 'UP'] },
  { letter: 's', prefix: 'haproxy_server', states: ['DOWN', 'UP', 'MAINT', 'DRAIN'] },
] as const;
type Kind = (typeof kinds)[number];

const responseClasses = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'] as const;

interface Labelled {
  readonly labels: string;
  readonly row: StatRow;
}

/** Prometheus text with the names of HAProxy's own exporter, and longrun's own beside them; piece by piece. */
export function* statsPrometheus(
  stats: ProxyStats,
  { omitServers = false }: PrometheusOptions = {},
): Iterable<string> {
  const rows: readonly Labelled[][] = [[], [], []];
  for (const row of statRows(stats)) {
    // An empty piece gives others a turn.
    yield '';
    const isServer = row['type'] === 2;
    if (isServer && omitServers) continue;
    const server = isServer ? `,server="${escaped(String(row['svname']))}"` : '';
    rows[Number(row['type'])]?.push({ labels: `proxy="${escaped(String(row['pxname']))}"${server}`, row });
  }
  for (const [type, kind] of kinds.entries()) yield* kindText(kind, rows[type] ?? []);
  yield* processText(stats);
  yield* trafficPrometheus(stats);
}

function* kindText({ letter, prefix, states }: Kind, rows: readonly Labelled[]): Iterable<string> {
  if (rows.length === 0) return;
  for (const { column, name, type, help, of, perUnit = 1 } of metrics) {
    if (!of.includes(letter)) continue;
    yield heading(`${prefix}_${name}`, type, help);
    for (const { labels, row } of rows) {
      const value = row[column];
      if (value !== undefined) yield `${prefix}_${name}{${labels}} ${Number(value) / perUnit}\n`;
    }
  }
  yield heading(`${prefix}_status`, 'gauge', '1 for the state that it is in');
  for (const { labels, row } of rows) {
    const status = row['status'] === 'OPEN' ? 'UP' : row['status'];
    for (const state of states)
      yield `${prefix}_status{${labels},state="${state}"} ${status === state ? 1 : 0}\n`;
  }
  yield heading(`${prefix}_http_responses_total`, 'counter', 'Answers by class');
  for (const { labels, row } of rows) {
    for (const code of responseClasses) {
      const value = row[`hrsp_${code}`];
      if (value !== undefined) yield `${prefix}_http_responses_total{${labels},code="${code}"} ${value}\n`;
    }
  }
}

function* processText({ workers, frontends, accessLog }: ProxyStats): Iterable<string> {
  const youngest = Math.floor(Math.min(...workers.map(({ uptimeS }) => uptimeS)));
  const sum = (of: (values: (typeof frontends)[number]['values']) => number): number =>
    frontends.reduce((all, { values }) => all + of(values), 0);
  const lines: readonly (readonly [string, 'counter' | 'gauge', string, number])[] = [
    [
      'uptime_seconds',
      'gauge',
      'Age of the youngest worker: since then counters of all of them count',
      youngest,
    ],
    ['nbproc', 'gauge', 'Workers', workers.length],
    ['current_connections', 'gauge', 'Connections of clients', sum(({ scur }) => scur)],
    ['connections_total', 'counter', 'Connections of clients so far', sum(({ stot }) => stot)],
    ['requests_total', 'counter', 'HTTP requests', sum(({ req_tot }) => req_tot)],
    ['bytes_out_total', 'counter', 'Bytes to clients', sum(({ bout }) => bout)],
    ['stopping', 'gauge', '1 while a worker retires', workers.some(({ retiring }) => retiring) ? 1 : 0],
    ['dropped_logs_total', 'counter', 'Lines that the access log left out', accessLog?.dropped ?? 0],
  ];
  for (const [name, type, help, value] of lines) {
    yield `${heading(`haproxy_process_${name}`, type, help)}haproxy_process_${name} ${value}\n`;
  }
}
