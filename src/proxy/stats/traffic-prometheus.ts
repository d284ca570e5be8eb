import { endingsByWord } from './endings.js';
import { octaveEdgesS } from './latency-buckets.js';
import { escaped, heading } from './prometheus-text.js';
import type { ProxyStats, VersionStats } from './proxy-stats.js';

/** Apps whose versions are told apart; of further ones only the sums of HAProxy's names are told. */
const MAX_APPS = 10_000;

/** Edges up to this are shown; below it four tell enough. */
const FIRST_EDGE_S = 0.0005;
const edges = octaveEdgesS.map((edgeS, i) => ({ edgeS, i })).filter(({ edgeS }) => edgeS >= FIRST_EDGE_S);

interface AppVersion {
  readonly labels: string;
  readonly stats: VersionStats;
}

/** longrun's own series: durations per app and version, why requests failed, queues, ejections, the routing table. */
export function* trafficPrometheus(stats: ProxyStats): Iterable<string> {
  const apps = byApp(stats);
  yield heading(
    'longrun_lb_request_duration_seconds',
    'histogram',
    'Time from the first byte of a request to the last of its answer, by app version and class of the answer',
  );
  for (const { labels, stats: version } of apps) yield durations(labels, version);
  yield heading(
    'longrun_lb_requests_total',
    'counter',
    'Requests (connections in tcp mode) that ended, by app version; empty: answered without a server',
  );
  for (const { labels, stats: version } of apps)
    yield `longrun_lb_requests_total{${labels}} ${version.requests}\n`;
  yield heading(
    'longrun_lb_request_errors_total',
    'counter',
    'Of these, those that the app or the way to it failed: 5xx, or none at all',
  );
  for (const { labels, stats: version } of apps)
    yield `longrun_lb_request_errors_total{${labels}} ${version.errors}\n`;
  yield heading('longrun_lb_errors_total', 'counter', 'Requests that ended otherwise than in order, by why');
  for (const { appId, endings, port } of stats.services) {
    for (const [reason, count] of endingsByWord(endings))
      yield `longrun_lb_errors_total{app="${escaped(appId)}",port="${port}",reason="${reason}"} ${count}\n`;
  }
  for (const [reason, count] of endingsByWord(stats.strangers))
    yield `longrun_lb_errors_total{app="",port="",reason="${reason}"} ${count}\n`;
  yield heading(
    'longrun_lb_ejections_total',
    'counter',
    'Times that an instance was left alone for its failures',
  );
  for (const { appId, port, servers } of stats.services) {
    const ejections = servers.reduce((sum, server) => sum + server.ejections, 0);
    yield `longrun_lb_ejections_total{app="${escaped(appId)}",port="${port}"} ${ejections}\n`;
  }
  yield* tableText(stats);
}

function durations(labels: string, { classes }: VersionStats): string {
  let text = '';
  for (const { code, count, sumMs, octaves } of classes) {
    const all = `${labels},code="${code}"`;
    let below = 0;
    let next = 0;
    for (const { edgeS, i } of edges) {
      for (; next <= i; next++) below += octaves[next] ?? 0;
      text += `longrun_lb_request_duration_seconds_bucket{${all},le="${edgeS}"} ${below}\n`;
    }
    text += `longrun_lb_request_duration_seconds_bucket{${all},le="+Inf"} ${count}\n`;
    text += `longrun_lb_request_duration_seconds_sum{${all}} ${sumMs / 1_000}\n`;
    text += `longrun_lb_request_duration_seconds_count{${all}} ${count}\n`;
  }
  return text;
}

/** Versions of every port of every app; ports are told apart, so that no series is there twice. */
function byApp(stats: ProxyStats): readonly AppVersion[] {
  const found: AppVersion[] = [];
  const apps = new Set<string>();
  for (const { appId, port, versions = [] } of stats.services) {
    if (apps.size >= MAX_APPS && !apps.has(appId)) continue;
    apps.add(appId);
    for (const version of versions) {
      const labels = `app="${escaped(appId)}",port="${port}",version="${escaped(version.version)}"`;
      found.push({ labels, stats: version });
    }
  }
  return found;
}

function* tableText({ table, connected, services, notServed }: ProxyStats): Iterable<string> {
  const lines: readonly (readonly [string, string, number])[] = [
    ['table_version', 'Version of the routing table in force', table.version],
    ['table_epoch', 'Start of the server that the routing table is of', table.epoch],
    ['server_connected', '1 while the server that makes the table can be reached', connected ? 1 : 0],
    ['services', 'Service ports in the routing table', services.length],
    [
      'services_without_server',
      'Of these, those that no instance serves',
      services.filter(({ up }) => up === 0).length,
    ],
    ['ports_not_served', 'Ports that could not be bound', Object.keys(notServed).length],
  ];
  for (const [name, help, value] of lines)
    yield `${heading(`longrun_lb_${name}`, 'gauge', help)}longrun_lb_${name} ${value}\n`;
}
