import type { CounterValues, ProxyStats, ServiceStats } from './proxy-stats.js';

const style = `
:root{color-scheme:light dark;--line:#8884;--soft:#8888}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .3rem}
p{margin:.2rem 0;color:var(--soft)}a{color:inherit}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{font-weight:600;color:var(--soft)}
.up{color:#1a7f37}.down{color:#cf222e}.sum td{font-weight:600}
`;
const columns = [
  '',
  'status',
  'now',
  'max',
  'total',
  'requests',
  '2xx',
  '3xx',
  '4xx',
  '5xx',
  'in',
  'out',
  'conn. err.',
  'resp. err.',
  'retries',
  'answer',
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
${notServed.length === 0 ? '' : `<h2>Not served</h2>\n<table>${notServed.map(([port, reason]) => `<tr><td class="down">port ${escaped(port)}</td><td style="text-align:left;white-space:normal">${escaped(reason)}</td></tr>`).join('')}</table>`}
<h2>Ports</h2>
${table(stats.frontends.map(({ name, port, mode, values }) => row(`${escaped(name)} :${port}`, `<span class="up">OPEN ${mode}</span>`, values)))}
`;
  for (const service of stats.services) yield serviceSection(service);
  yield '</body></html>\n';
}

function serviceSection(service: ServiceStats): string {
  const up = service.servers.filter(({ status }) => status === 'UP').length;
  const hosts = service.vhosts.length > 0 ? ` for ${service.vhosts.join(', ')}` : '';
  const rows = service.servers.map((server) =>
    row(
      `${escaped(server.address)} <small title="${escaped(server.name)}">${escaped(server.taskId)}</small>`,
      statusText(server.status),
      server.values,
    ),
  );
  const sum = row(
    'backend',
    up > 0 ? '<span class="up">UP</span>' : '<span class="down">DOWN</span>',
    service.values,
    'sum',
  );
  return `<h2>${escaped(service.appId)} :${service.port}</h2><p>${escaped(`${service.name}, ${service.mode}${hosts}, ${up} of ${service.servers.length} servers up`)}</p>\n${table([...rows, sum])}`;
}

function table(rows: readonly string[]): string {
  return `<table><thead><tr>${columns.map((column) => `<th>${column}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function row(name: string, status: string, v: CounterValues, kind = ''): string {
  const numbers = [
    v.scur,
    v.smax,
    v.stot,
    v.req_tot,
    v.hrsp_2xx,
    v.hrsp_3xx,
    v.hrsp_4xx,
    v.hrsp_5xx,
    size(v.bin),
    size(v.bout),
    v.econ,
    v.eresp,
    v.wretr,
    `${v.rtime} ms`,
  ];
  return `<tr${kind ? ` class="${kind}"` : ''}><td>${name}</td><td>${status}</td>${numbers.map((number) => `<td>${number}</td>`).join('')}</tr>`;
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
