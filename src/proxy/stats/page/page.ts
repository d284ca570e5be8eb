import type { ProxyStats } from '../proxy-stats.js';
import { serviceDetails } from './details.js';
import { bytesText, escapeHtml, figure, percent, rowCells } from './in-browser.js';
import { type PageRow, type PageState, pageRow, pageState } from './rows.js';
import { pageScript, pageScriptHash } from './script.js';
import { pageStyle } from './style.js';

export interface PageOptions {
  /** The app, by its key, that is shown in full. */
  readonly open?: string;
  /** The numbers stay as they are. */
  readonly noRefresh?: boolean;
}

/** What the page may do: its own script, its own numbers, nothing else. */
export const pagePolicy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${pageScriptHash}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Without a script the page is made anew after so many seconds. */
const REFRESH_S = 5;

const columns = [
  ['app', 'app', ''],
  ['instances', 'up', ''],
  ['last minute', '', ''],
  ['req/s', 'rate', 'n'],
  ['failed', 'errors', 'n'],
  ['p50', 'p50', 'n'],
  ['p95', 'p95', 'n'],
  ['p99', 'p99', 'n'],
  ['now', 'now', 'n'],
  ['queue', 'queue', 'n'],
  ['total', 'total', 'n'],
] as const;

/**
 * The statistics page for people, piece by piece: a block per app. It works without its script, which keeps the numbers fresh,
 * sorts and filters.
 */
export function* statsPage(
  stats: ProxyStats,
  { open, noRefresh = false }: PageOptions = {},
): Iterable<string> {
  const rows: PageRow[] = [];
  yield* gathered(stats, rows);
  const state = pageState(stats, rows);
  const refresh = noRefresh ? '' : `<noscript><meta http-equiv="refresh" content="${REFRESH_S}"></noscript>`;
  yield `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>longrun load balancer</title><meta name="viewport" content="width=device-width, initial-scale=1">${refresh}<style>${pageStyle}</style></head><body data-norefresh="${noRefresh}">
<header><h1>longrun load balancer</h1><p><a href="/haproxy?stats;csv">CSV</a> · <a href="/haproxy?stats;json">JSON</a> · <a href="/metrics">Prometheus</a> · <a href="/_haproxy_getconfig">configuration</a></p></header>
<main>
<div id="summary" aria-label="all apps together">${summary(state)}</div>
<div id="notices">${notices(stats, state)}</div>
<div class="bar live" hidden><label>Find <input type="search" id="filter" placeholder="app, host or port" autocomplete="off"></label> <label><input type="checkbox" id="trouble"> only those in trouble</label> <button type="button" id="pause">Pause</button> <span class="soft"><span id="shown">${state.rows.length}</span> shown</span> <span id="status" class="status" role="status"></span></div>
<div class="scroll"><table id="apps" aria-label="apps"><thead><tr>${columns.map(headCell).join('')}</tr></thead>`;

  const services = new Map(stats.services.map((service) => [service.key, service]));
  for (const row of state.rows) {
    const service = services.get(row.key);
    const isOpen = row.key === open;
    const details = isOpen && service ? serviceDetails(service) : '';
    yield `<tbody data-key="${escapeHtml(row.key)}"><tr>${rowCells(row, isOpen)}</tr><tr class="more"${isOpen ? '' : ' hidden'}><td colspan="${columns.length}">${details}</td></tr></tbody>\n`;
  }
  yield `</table></div>
<h2>Ports</h2>
${ports(stats)}
</main>
<footer>Quantiles and failures are of the last half to whole minute, all workers together. Counters began ${escapeHtml(state.since)} with the youngest worker. <span class="up">●</span> up <span class="down">✕</span> left alone for its failures <span class="drain">◐</span> draining or weight 0 <span class="maint">○</span> disabled</footer>
<script>${pageScript}</script></body></html>
`;
}

/** What the page's script asks for each second; `open` are the keys of apps that are shown in full. Piece by piece. */
export function* livePage(stats: ProxyStats, open: readonly string[]): Iterable<string> {
  const rows: PageRow[] = [];
  yield* gathered(stats, rows);
  const state = pageState(stats, rows);
  yield `{"summary":${JSON.stringify(summary(state))},"notices":${JSON.stringify(notices(stats, state))},"details":{`;
  let separator = '';
  const wanted = new Set(open);
  for (const service of stats.services) {
    if (!wanted.has(service.key)) continue;
    yield `${separator}${JSON.stringify(service.key)}:${JSON.stringify(serviceDetails(service))}`;
    separator = ',';
  }
  yield '},"rows":[';
  separator = '';
  for (const row of state.rows) {
    yield `${separator}${JSON.stringify(row)}`;
    separator = ',\n';
  }
  yield ']}\n';
}

/** Fills `rows`; the empty pieces give others a turn in between. */
function* gathered(stats: ProxyStats, rows: PageRow[]): Iterable<string> {
  for (const service of stats.services) {
    rows.push(pageRow(service, stats.notServed));
    yield '';
  }
}

function headCell([name, column, kind]: (typeof columns)[number]): string {
  const inner = column === '' ? name : `<button type="button" data-sort="${column}">${name}</button>`;
  return `<th scope="col"${kind && ` class="${kind}"`}>${inner}</th>`;
}

function summary(state: PageState): string {
  const down = state.rows.filter(({ up }) => up === 0).length;
  const tiles: readonly (readonly [string, string, string])[] = [
    [figure(state.rate), 'requests/s', ''],
    [percent(state.errors), 'failed, last minute', (state.errors ?? 0) > 0 ? 'down' : ''],
    [figure(state.connections), 'connections', ''],
    [figure(state.queue), 'waiting', state.queue > 0 ? 'warn' : ''],
    [figure(state.rows.length), 'service ports', ''],
    [figure(down), 'without an instance', down > 0 ? 'down' : ''],
  ];
  const shown = tiles.map(
    ([value, name, kind]) =>
      `<div class="tile"><b${kind && ` class="${kind}"`}>${value}</b><span>${name}</span></div>`,
  );
  return `<div class="tiles">${shown.join('')}</div><p class="soft">workers: ${escapeHtml(state.workers)} · routing table ${state.table}</p>`;
}

function notices(stats: ProxyStats, state: PageState): string {
  const said: string[] = [];
  if (!state.connected) said.push('the server is away; requests are served by the last routing table');
  for (const [port, reason] of Object.entries(stats.notServed))
    said.push(reason.includes(port) ? `not served: ${reason}` : `port ${port} is not served: ${reason}`);
  if (stats.accessLog && stats.accessLog.dropped > 0)
    said.push(`the access log left out ${figure(stats.accessLog.dropped)} lines`);
  return said.map((text) => `<p class="notice">${escapeHtml(text)}</p>`).join('');
}

function ports({ frontends }: ProxyStats): string {
  const heads = [
    'port',
    'now',
    'max',
    'connections',
    'requests',
    '2xx',
    '3xx',
    '4xx',
    '5xx',
    'refused',
    'in',
    'out',
  ];
  const rows = frontends.map(({ name, port, mode, values: v }) => {
    const cells = [
      v.scur,
      v.smax,
      v.stot,
      v.req_tot,
      v.hrsp_2xx,
      v.hrsp_3xx,
      v.hrsp_4xx,
      v.hrsp_5xx,
      v.ereq + v.dcon,
    ].map(figure);
    const all = [...cells, bytesText(v.bin), bytesText(v.bout)].map((cell) => `<td class="n">${cell}</td>`);
    return `<tr><th scope="row">:${port} <span class="port">${escapeHtml(name)}, ${mode}</span></th>${all.join('')}</tr>`;
  });
  const cells = heads.map((head, i) => `<th scope="col"${i > 0 ? ' class="n"' : ''}>${head}</th>`);
  return `<div class="scroll"><table aria-label="ports"><thead><tr>${cells.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}
