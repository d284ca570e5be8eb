import type { CounterValues, ProxyStats } from './proxy-stats.js';

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly value: (values: CounterValues) => number;
}

const shared: readonly Metric[] = [
  { name: 'current_sessions', type: 'gauge', help: 'Sessions in progress', value: (v) => v.scur },
  { name: 'max_sessions', type: 'gauge', help: 'Most sessions at once', value: (v) => v.smax },
  { name: 'sessions_total', type: 'counter', help: 'Sessions', value: (v) => v.stot },
  { name: 'bytes_in_total', type: 'counter', help: 'Bytes from clients', value: (v) => v.bin },
  { name: 'bytes_out_total', type: 'counter', help: 'Bytes to clients', value: (v) => v.bout },
];
const frontendOnly: readonly Metric[] = [
  { name: 'http_requests_total', type: 'counter', help: 'HTTP requests', value: (v) => v.req_tot },
  {
    name: 'request_errors_total',
    type: 'counter',
    help: 'Requests refused for what they are',
    value: (v) => v.ereq,
  },
];
const serverSide: readonly Metric[] = [
  {
    name: 'connection_errors_total',
    type: 'counter',
    help: 'Connections to servers that failed',
    value: (v) => v.econ,
  },
  { name: 'response_errors_total', type: 'counter', help: 'Answers that failed', value: (v) => v.eresp },
  { name: 'retry_warnings_total', type: 'counter', help: 'Attempts repeated', value: (v) => v.wretr },
  {
    name: 'redispatch_warnings_total',
    type: 'counter',
    help: 'Attempts repeated on another server',
    value: (v) => v.wredis,
  },
  {
    name: 'client_aborts_total',
    type: 'counter',
    help: 'Transfers ended by the client',
    value: (v) => v.cli_abrt,
  },
  {
    name: 'server_aborts_total',
    type: 'counter',
    help: 'Transfers ended by the server',
    value: (v) => v.srv_abrt,
  },
  {
    name: 'response_time_average_seconds',
    type: 'gauge',
    help: 'Time to the answer, over the last 1 024',
    value: (v) => v.rtime / 1_000,
  },
  {
    name: 'connection_attempts_total',
    type: 'counter',
    help: 'Connections to servers made',
    value: (v) => v.connect,
  },
  {
    name: 'connection_reuses_total',
    type: 'counter',
    help: 'Requests over connections that were there',
    value: (v) => v.reuse,
  },
];
const responseClasses = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'] as const;

interface Labelled {
  readonly labels: string;
  readonly values: CounterValues;
}

/** Prometheus text with the names of HAProxy's own exporter, piece by piece. */
export function* statsPrometheus(stats: ProxyStats): Iterable<string> {
  const frontends = stats.frontends.map(({ name, values }) => ({
    labels: `proxy="${escaped(name)}"`,
    values,
  }));
  const backends = stats.services.map(({ name, values }) => ({ labels: `proxy="${escaped(name)}"`, values }));
  const servers = stats.services.flatMap(({ name, servers: each }) =>
    each.map((server) => ({
      labels: `proxy="${escaped(name)}",server="${escaped(server.name)}"`,
      values: server.values,
    })),
  );
  yield* family('haproxy_frontend', [...shared, ...frontendOnly], frontends);
  yield* family('haproxy_backend', [...shared, ...serverSide], backends);
  yield* family('haproxy_server', [...shared, ...serverSide], servers);
  yield '# HELP haproxy_server_status 1 while the server gets requests\n# TYPE haproxy_server_status gauge\n';
  for (const service of stats.services) {
    for (const server of service.servers) {
      yield `haproxy_server_status{proxy="${escaped(service.name)}",server="${escaped(server.name)}",state="UP"} ${server.status === 'UP' ? 1 : 0}\n`;
    }
  }
  yield '# HELP haproxy_process_uptime_seconds Age of the youngest worker\n# TYPE haproxy_process_uptime_seconds gauge\n';
  yield `haproxy_process_uptime_seconds ${Math.floor(Math.min(...stats.workers.map(({ uptimeS }) => uptimeS)))}\n`;
}

function* family(prefix: string, metrics: readonly Metric[], rows: readonly Labelled[]): Iterable<string> {
  for (const { name, type, help, value } of metrics) {
    yield `# HELP ${prefix}_${name} ${help}\n# TYPE ${prefix}_${name} ${type}\n`;
    for (const { labels, values } of rows) yield `${prefix}_${name}{${labels}} ${value(values)}\n`;
  }
  yield `# HELP ${prefix}_http_responses_total Answers by class\n# TYPE ${prefix}_http_responses_total counter\n`;
  for (const { labels, values } of rows) {
    for (const code of responseClasses)
      yield `${prefix}_http_responses_total{${labels},code="${code}"} ${values[`hrsp_${code}`]}\n`;
  }
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
