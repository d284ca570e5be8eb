import { endingsByWord } from '../endings.js';
import type { CounterValues, ServerStats, ServiceStats, VersionStats } from '../proxy-stats.js';
import { recentSums } from '../recent-sums.js';
import { bytesText, escapeHtml, figure, milliseconds, percent } from './in-browser.js';

/** Servers that are shown of one app; the CSV has all of them. */
const MAX_SERVERS = 500;

const number = (text: string, kind = ''): string => `<td class="n${kind && ` ${kind}`}">${text}</td>`;

function table(label: string, heads: readonly string[], rows: readonly string[]): string {
  const cells = heads.map((head, i) => `<th scope="col"${i > 0 ? ' class="n"' : ''}>${head}</th>`).join('');
  return `<div class="scroll"><table aria-label="${label}"><thead><tr>${cells}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** All that is known of one service: its versions side by side, its servers, how requests ended. */
export function serviceDetails(service: ServiceStats): string {
  const { versions = [], servers, values, algorithm, isSticky, name, serverLimit } = service;
  const says = [
    `backend <code>${escapeHtml(name)}</code>`,
    algorithm,
    ...(isSticky ? ['sticky'] : []),
    ...(serverLimit > 0 ? [`at most ${serverLimit} at a server`] : []),
    `most at once ${figure(values.smax)}`,
    `in ${bytesText(values.bin)}, out ${bytesText(values.bout)}`,
  ];
  const shown = servers.slice(0, MAX_SERVERS);
  const more =
    servers.length > shown.length
      ? `<p class="soft">and ${servers.length - shown.length} more: see the CSV</p>`
      : '';
  return (
    `<p class="soft">${says.join(' · ')}</p>` +
    (versions.length > 0 ? `<h3>Versions, last minute</h3>${versionTable(versions)}` : '') +
    (shown.length > 0 ? `<h3>Instances</h3>${serverTable(service, shown)}${more}` : '') +
    endingsText(service)
  );
}

function versionTable(versions: readonly VersionStats[]): string {
  const newest = versions.at(-1)?.version;
  const heads = ['version', 'requests', 'failed', 'p50', 'p95', 'p99', 'so far', 'failed so far', 'mean'];
  const rows = [...versions].reverse().map((version) => {
    const { requests, errors, quantiles } = recentSums(version.recent);
    const timed = version.classes.reduce((sum, { count }) => sum + count, 0);
    const sumMs = version.classes.reduce((sum, each) => sum + each.sumMs, 0);
    const said = version.version === '' ? '<i>no instance</i>' : escapeHtml(version.version);
    return `<tr><th scope="row"${version.version === newest ? ' class="best"' : ''}>${said}</th>${[
      number(figure(requests)),
      number(percent(requests === 0 ? undefined : errors / requests), errors > 0 ? 'down' : ''),
      number(milliseconds(quantiles.p50)),
      number(milliseconds(quantiles.p95)),
      number(milliseconds(quantiles.p99)),
      number(figure(version.requests)),
      number(
        percent(version.requests === 0 ? undefined : version.errors / version.requests),
        version.errors > 0 ? 'warn' : '',
      ),
      number(milliseconds(timed === 0 ? undefined : sumMs / timed)),
    ].join('')}</tr>`;
  });
  return table('versions', heads, rows);
}

function serverTable({ mode }: ServiceStats, servers: readonly ServerStats[]): string {
  const http = mode === 'http';
  const heads = [
    'instance',
    'state',
    'weight',
    'now',
    'max',
    'total',
    ...(http ? ['2xx', '3xx', '4xx', '5xx', 'p50', 'p95', 'p99'] : []),
    'conn. err.',
    'resp. err.',
    'retries',
    'left alone',
    'connections',
    'in',
    'out',
  ];
  return table(
    'instances',
    heads,
    servers.map((server) => serverRow(server, http)),
  );
}

function serverRow(server: ServerStats, http: boolean): string {
  const { values: v, recent, weight } = server;
  const { quantiles } = recent
    ? recentSums(recent)
    : { quantiles: {} as { p50?: number; p95?: number; p99?: number } };
  const answers = http
    ? [
        number(figure(v.hrsp_2xx)),
        number(figure(v.hrsp_3xx)),
        number(figure(v.hrsp_4xx)),
        number(figure(v.hrsp_5xx), v.hrsp_5xx > 0 ? 'warn' : ''),
        number(milliseconds(quantiles.p50)),
        number(milliseconds(quantiles.p95)),
        number(milliseconds(quantiles.p99)),
      ]
    : [];
  return `<tr><th scope="row">${escapeHtml(server.address)}<small>${escapeHtml(server.taskId)}${server.version === '' ? '' : ` · ${escapeHtml(server.version)}`}</small></th>${[
    `<td class="n">${stateText(server)}</td>`,
    number(String(weight)),
    number(figure(v.scur)),
    number(figure(v.smax)),
    number(figure(v.stot)),
    ...answers,
    number(figure(v.econ), v.econ > 0 ? 'warn' : ''),
    number(figure(v.eresp), v.eresp > 0 ? 'warn' : ''),
    number(figure(v.wretr), v.wretr > 0 ? 'warn' : ''),
    number(figure(server.ejections), server.ejections > 0 ? 'warn' : ''),
    number(connectionsText(v, server.idle)),
    number(bytesText(v.bin)),
    number(bytesText(v.bout)),
  ].join('')}</tr>`;
}

function stateText({ status, leaving, ejectedMs, qcur, values }: ServerStats): string {
  if (leaving) return `<span class="drain">◐ DRAIN</span><small>${values.scur} in flight</small>`;
  if (status === 'DOWN')
    return `<span class="down">✕ DOWN</span><small>left alone for ${milliseconds(ejectedMs)}</small>`;
  if (status === 'MAINT') return '<span class="maint">○ MAINT</span>';
  const waiting = qcur > 0 ? `<small>${qcur} wait</small>` : '';
  return status === 'DRAIN'
    ? `<span class="drain">◐ DRAIN</span>${waiting}`
    : `<span class="up">● UP</span>${waiting}`;
}

function connectionsText({ connect, reuse }: CounterValues, idle: number): string {
  return `${figure(connect)} made<small>${figure(reuse)} used again, ${idle} idle</small>`;
}

function endingsText({ endings, values }: ServiceStats): string {
  const words = [...endingsByWord(endings)].sort((a, b) => b[1] - a[1]);
  const parts = words.map(([word, count]) => `${figure(count)} ${word}`);
  if (values.wredis > 0) parts.push(`${figure(values.wredis)} tried again elsewhere`);
  return parts.length === 0 ? '' : `<p class="soft">Not in order: ${parts.join(' · ')}</p>`;
}
