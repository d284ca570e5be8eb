import type { CounterValues, ProxyStats, ServiceStats } from './proxy-stats.js';

const style = `
:root{color-scheme:light dark;--line:#d1d9e0;--soft:#59636e;--up:#1a7f37;--down:#cf222e}
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#9198a1;--up:#3fb950;--down:#f85149}}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:88rem;padding:0 1.5rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .3rem}
p{margin:.2rem 0 .5rem;color:var(--soft)}a{color:inherit}
div{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;width:99%}
.why td{text-align:left;white-space:normal}.why td:first-child{width:auto;white-space:nowrap}.why td:last-child{width:99%}
th{font-weight:600;color:var(--soft)}
small{display:block;color:var(--soft);white-space:normal;overflow-wrap:anywhere;min-width:12rem}
.up{color:var(--up)}.down{color:var(--down)}.sum td{font-weight:600}
`;

type Column = readonly [head: string, cell: (values: CounterValues) => number | string];
/** What a way in has; a service and its servers have `served` as well. */
const common: readonly Column[] = [
  ['now', (v) => v.scur],
  ['max', (v) => v.smax],
  ['total', (v) => v.stot],
  ['requests', (v) => v.req_tot],
  ['2xx', (v) => v.hrsp_2xx],
  ['3xx', (v) => v.hrsp_3xx],
  ['4xx', (v) => v.hrsp_4xx],
  ['5xx', (v) => v.hrsp_5xx],
  ['in', (v) => size(v.bin)],
  ['out', (v) => size(v.bout)],
];
const portColumns: readonly Column[] = [...common, ['refused', (v) => v.ereq]];
const serverColumns: readonly Column[] = [
  ...common,
  ['conn. err.', (v) => v.econ],
  ['resp. err.', (v) => v.eresp],
  ['retries', (v) => v.wretr],
  ['answer', (v) => `${v.rtime} ms`],
];

/** The statistics page for people, piece by piece: one table for the ports, one per service. Needs no script. */
export function* statsPage(stats: ProxyStats): Iterable<string> {
  const workers = stats.workers.map(
    ({ pid, uptimeS, rssBytes, retiring }) =>
      `${pid} (up ${duration(uptimeS)}, ${Math.round(rssBytes / 1_048_576)} MiB${retiring ? ', retiring' : ''})`,
  );
  const notServed = Object.entries(stats.notServed);
  yield `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>longrun load balancer</title><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5"><style>${style}</style></head><body>
<h1>longrun load balancer</h1>
<p>workers: ${escaped(workers.join(', '))}. Routing table ${stats.table.epoch}-${stats.table.version}${stats.connected ? '' : '; the server is away, serving by the last table'}. <a href="/haproxy?stats;csv">CSV</a>, <a href="/metrics">Prometheus</a></p>
${notServed.length === 0 ? '' : `<h2>Not served</h2>\n<table class="why">${notServed.map(([port, reason]) => `<tr><td class="down">port ${escaped(port)}</td><td>${escaped(reason)}</td></tr>`).join('')}</table>`}
<h2>Ports</h2>
${table(
  portColumns,
  stats.frontends.map(({ name, port, mode, values }) =>
    row(portColumns, `${escaped(name)} :${port}`, `<span class="up">OPEN ${mode}</span>`, values),
  ),
)}
`;
  for (const service of stats.services) yield serviceSection(service);
  yield '</body></html>\n';
}

function serviceSection(service: ServiceStats): string {
  const up = service.servers.filter(({ status }) => status === 'UP').length;
  const hosts = service.vhosts.length > 0 ? ` for ${service.vhosts.join(', ')}` : '';
  const rows = service.servers.map((server) =>
    row(
      serverColumns,
      `${escaped(server.address)} <small title="${escaped(server.name)}">${escaped(server.taskId)}</small>`,
      statusText(server.status),
      server.values,
    ),
  );
  const sum = row(
    serverColumns,
    'backend',
    up > 0 ? '<span class="up">UP</span>' : '<span class="down">DOWN</span>',
    service.values,
    'sum',
  );
  return `<h2>${escaped(service.appId)} :${service.port}</h2><p>${escaped(`${service.name}, ${service.mode}${hosts}, ${up} of ${service.servers.length} servers up`)}</p>\n${table(serverColumns, [...rows, sum])}`;
}

function table(columns: readonly Column[], rows: readonly string[]): string {
  const heads = ['', 'status', ...columns.map(([head]) => head)];
  return `<div><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function row(
  columns: readonly Column[],
  name: string,
  status: string,
  values: CounterValues,
  kind = '',
): string {
  const cells = [name, status, ...columns.map(([, cell]) => String(cell(values)))];
  return `<tr${kind ? ` class="${kind}"` : ''}>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function statusText(status: string): string {
  return `<span class="${status === 'UP' ? 'up' : 'down'}">${status}</span>`;
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3_600)} h`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
