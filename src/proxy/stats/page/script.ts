import { createHash } from 'node:crypto';
import * as shared from './in-browser.js';

const functions = Object.values(shared)
  .map((each) => each.toString())
  .join('\n');

/** Refreshes the page: numbers each second, what is opened too; sorts, filters, pauses. */
const live = `
(() => {
  const table = document.getElementById('apps');
  const filter = document.getElementById('filter');
  const trouble = document.getElementById('trouble');
  const pause = document.getElementById('pause');
  const status = document.getElementById('status');
  const bodies = new Map();
  const rows = new Map();
  const open = new Set();
  let sort = { column: '', down: true };
  let paused = document.body.dataset.norefresh === 'true';
  let timer;
  for (const each of document.querySelectorAll('.live')) each.hidden = false;
  for (const body of table.tBodies) {
    bodies.set(body.dataset.key, body);
    if (body.rows[1] && !body.rows[1].hidden) open.add(body.dataset.key);
  }
  function bodyOf(key) {
    let body = bodies.get(key);
    if (body) return body;
    body = document.createElement('tbody');
    body.dataset.key = key;
    body.innerHTML = '<tr></tr><tr class="more" hidden><td colspan="11"></td></tr>';
    bodies.set(key, body);
    table.append(body);
    return body;
  }
  function put(element, html) {
    if (element.shown === html) return;
    const held = element.contains(document.activeElement);
    element.innerHTML = html;
    element.shown = html;
    if (held) element.querySelector('a')?.focus();
  }
  function arrange() {
    const wanted = filter.value.trim().toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const [key, body] of bodies) {
      const row = rows.get(key);
      const text = row ? (row.app + ' :' + row.port + ' ' + row.mode + ' ' + row.hosts.join(' ')).toLowerCase() : '';
      body.hidden = row !== undefined && (!wanted.every((word) => text.includes(word)) || (trouble.checked && !isTroubled(row)));
      if (!body.hidden) shown += 1;
    }
    document.getElementById('shown').textContent = shown === bodies.size ? String(shown) : shown + ' of ' + bodies.size;
    if (sort.column === '') return;
    const order = [...bodies.entries()].filter(([key]) => rows.has(key));
    const sign = sort.down ? -1 : 1;
    order.sort(([a], [b]) => {
      const left = sortValue(rows.get(a), sort.column);
      const right = sortValue(rows.get(b), sort.column);
      return (left < right ? -1 : left > right ? 1 : 0) * sign || (a < b ? -1 : 1);
    });
    let before = table.tBodies[0];
    for (const [, body] of order) {
      if (body === before) before = body.nextElementSibling;
      else table.insertBefore(body, before);
    }
  }
  function show(state) {
    put(document.getElementById('summary'), state.summary);
    put(document.getElementById('notices'), state.notices);
    rows.clear();
    for (const row of state.rows) {
      rows.set(row.key, row);
      const body = bodyOf(row.key);
      put(body.rows[0], rowCells(row, open.has(row.key)));
      if (open.has(row.key) && state.details[row.key] !== undefined) put(body.rows[1].cells[0], state.details[row.key]);
    }
    for (const [key, body] of bodies) {
      if (rows.has(key)) continue;
      body.remove();
      bodies.delete(key);
      open.delete(key);
    }
    arrange();
  }
  async function refresh() {
    clearTimeout(timer);
    if (!document.hidden && !paused) {
      try {
        const query = [...open].map((key) => 'app=' + encodeURIComponent(key)).join('&');
        const answer = await fetch('/live.json' + (query ? '?' + query : ''), { cache: 'no-store' });
        if (!answer.ok) throw new Error('status ' + answer.status);
        show(await answer.json());
        status.textContent = '';
      } catch (error) {
        status.textContent = 'the load balancer does not answer (' + error.message + '); what is shown is old';
      }
    }
    timer = setTimeout(refresh, Math.max(1000, bodies.size));
  }
  table.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-sort]');
    if (button) {
      const column = button.dataset.sort;
      sort = { column, down: sort.column === column ? !sort.down : column !== 'app' && column !== 'up' };
      for (const head of table.tHead.rows[0].cells) {
        const mine = head.querySelector('button')?.dataset.sort === column;
        if (mine) head.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending');
        else head.removeAttribute('aria-sort');
      }
      arrange();
      return;
    }
    const link = event.target.closest('a[aria-expanded]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const body = link.closest('tbody');
    const key = body.dataset.key;
    if (open.has(key)) open.delete(key);
    else open.add(key);
    link.setAttribute('aria-expanded', String(open.has(key)));
    body.rows[1].hidden = !open.has(key);
    if (open.has(key)) {
      paused = false;
      pause.textContent = 'Pause';
      refresh();
    }
  });
  filter.addEventListener('input', arrange);
  trouble.addEventListener('change', arrange);
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Go on' : 'Pause';
    refresh();
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
  if (paused) pause.textContent = 'Go on';
  refresh();
})();
`;

export const pageScript = `${functions}\n${live}`;

/** For the page's content security policy: nothing else runs there. */
export const pageScriptHash = `'sha256-${createHash('sha256').update(pageScript).digest('base64')}'`;
