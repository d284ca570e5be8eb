import type { PageRow } from './rows.js';

/*
 * These functions run here and, by their own text, in the reader's browser (script.ts): each uses nothing but its arguments, the
 * language, and the others of this file.
 */

export function escapeHtml(text: string): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Three figures or so. */
export function figure(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 0 : 1)} M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)} k`;
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(0)} s`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

export function percent(share: number | undefined): string {
  if (share === undefined) return '–';
  if (share === 0) return '0 %';
  const value = share * 100;
  return `${value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : '<0.1'} %`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** The last minute as a line; the highest second reaches the top. */
export function sparkline(past: readonly number[]): string {
  const most = Math.max(1, ...past);
  const points = past.map((value, i) => `${i * 2},${(19 - (value / most) * 17).toFixed(1)}`).join(' ');
  const last = past.length === 0 ? '' : `<polyline points="${points}"/>`;
  return `<svg class="spark" viewBox="0 0 118 20" preserveAspectRatio="none" role="img" aria-label="requests per second in the last minute, at most ${most === 1 && Math.max(0, ...past) === 0 ? 0 : most}">${last}</svg>`;
}

/** The state of each server: shape and colour say the same. */
export function stateMarks(states: string, known: number): string {
  const marks: Record<string, readonly [string, string, string]> = {
    U: ['up', '●', 'up'],
    D: ['down', '✕', 'left alone for its failures'],
    W: ['drain', '◐', 'weight 0'],
    d: ['drain', '◐', 'draining'],
    M: ['maint', '○', 'disabled'],
  };
  const counts: Record<string, number> = {};
  let text = '';
  for (const [i, letter] of [...states].entries()) {
    const mark = marks[letter] ?? ['maint', '?', 'unknown'];
    counts[mark[2]] = (counts[mark[2]] ?? 0) + 1;
    if (i < 16) text += `<i class="${mark[0]}">${mark[1]}</i>`;
  }
  const label = Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
  const more = states.length > 16 ? `<small> +${Math.max(known, states.length) - 16}</small>` : '';
  if (states === '') return '<b class="down">no instance</b>';
  return `<span class="marks" role="img" aria-label="${label}" title="${label}">${text}${more}</span>`;
}

/** The cells of an app's line. */
export function rowCells(row: PageRow, isOpen: boolean): string {
  const hosts = row.hosts.slice(0, 3).map(escapeHtml).join(', ');
  const further = row.hosts.length > 3 ? ` and ${row.hosts.length - 3} more` : '';
  const troubled = row.known === 0 || row.up === 0;
  const errors = row.errors === undefined ? 0 : row.errors;
  const notServed =
    row.notServed === undefined ? '' : `<small class="down">not served: ${escapeHtml(row.notServed)}</small>`;
  return (
    `<th scope="row"><a href="?stats;app=${encodeURIComponent(row.key)}" aria-expanded="${isOpen}">${escapeHtml(row.app)} <span class="port">:${row.port}</span></a>` +
    `<small>${row.mode}${hosts ? ` · ${hosts}${further}` : ''}</small>${notServed}</th>` +
    `<td class="${troubled ? 'down' : ''}">${stateMarks(row.states, row.known)}<small>${row.up} of ${row.known} up</small></td>` +
    `<td>${sparkline(row.past)}</td>` +
    `<td class="n">${figure(row.rate)}</td>` +
    `<td class="n ${errors >= 0.05 ? 'down' : errors > 0 ? 'warn' : ''}">${percent(row.errors)}</td>` +
    `<td class="n">${milliseconds(row.p50)}</td><td class="n">${milliseconds(row.p95)}</td><td class="n">${milliseconds(row.p99)}</td>` +
    `<td class="n">${figure(row.now)}</td><td class="n ${row.queue > 0 ? 'warn' : ''}">${figure(row.queue)}</td>` +
    `<td class="n">${figure(row.total)}<small>${bytesText(row.bytesOut)}</small></td>`
  );
}

/** What a column sorts by. */
export function sortValue(row: PageRow, column: string): number | string {
  const share = row.known === 0 ? -1 : row.up / row.known;
  const values: Record<string, number | string> = {
    app: row.app,
    up: share,
    rate: row.rate,
    errors: row.errors ?? -1,
    p50: row.p50 ?? -1,
    p95: row.p95 ?? -1,
    p99: row.p99 ?? -1,
    now: row.now,
    queue: row.queue,
    total: row.total,
  };
  return values[column] ?? 0;
}

/** Whether somebody should look. */
export function isTroubled(row: PageRow): boolean {
  return (
    row.up < row.known ||
    row.known === 0 ||
    (row.errors ?? 0) > 0 ||
    row.queue > 0 ||
    row.notServed !== undefined
  );
}
