import { frontendStats, serviceStats } from '../../src/proxy/stats/collect.js';
import { csvColumns, statsCsv } from '../../src/proxy/stats/csv.js';
import { mergeStats } from '../../src/proxy/stats/merge.js';
import { statsPage } from '../../src/proxy/stats/page.js';
import { statsPrometheus } from '../../src/proxy/stats/prometheus.js';
import type { ProxyStats } from '../../src/proxy/stats/proxy-stats.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let plane: Plane;
afterEach(() => plane.close());

/** Three good requests, one malformed, one to a server that refuses. */
async function used(): Promise<ProxyStats> {
  const backend = await Backend.answering('four');
  plane = await Plane.start([
    service([serverAt(backend.port), serverAt(1)]),
    service([], { servicePort: 10_001, vhosts: ['<b>.test'], appId: '/<script>' as never }),
  ]);
  plane.own(backend);
  const client = await plane.client();
  for (let i = 1; i <= 3; i++) {
    client.send(get());
    await waitFor(() => client.text.split('four').length === i + 1);
  }
  const stranger = await plane.client();
  await stranger.send('nonsense\r\n\r\n').seesEnd();
  stranger.close();
  await waitFor(() => plane.sessions.size === 1);
  const nowMs = plane.clock.monotonicMs();
  return {
    workers: [{ pid: 1, uptimeS: 5, rssBytes: 1, retiring: false }],
    table: { epoch: 1, version: 1 },
    connected: true,
    frontends: [frontendStats(plane.vhost, nowMs)],
    services: [...plane.routes.services.values()].map((live) => serviceStats(live, nowMs)),
    notServed: { 10005: 'port 10005 is taken by <nginx>' },
  };
}

/** The CSV as rows by column name, as scripts read it. */
function rows(stats: ProxyStats): Record<string, string>[] {
  const [head, ...lines] = [...statsCsv(stats)].join('').trimEnd().split('\n');
  const names = (head ?? '').replace(/^# /, '').split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((value, i) => [names[i], value])));
}

describe('the CSV', () => {
  it('has the columns of HAProxy 2.6, and every row has them all', async () => {
    const stats = await used();
    expect(csvColumns).toHaveLength(128);
    expect(csvColumns.slice(0, 10)).toEqual([
      'pxname',
      'svname',
      'qcur',
      'qmax',
      'scur',
      'smax',
      'slim',
      'stot',
      'bin',
      'bout',
    ]);
    for (const line of [...statsCsv(stats)].join('').trimEnd().split('\n'))
      expect(line.split(',')).toHaveLength(csvColumns.length + 1);
  });

  it('counts what happened', async () => {
    const all = rows(await used());
    const find = (pxname: string, svname: string) =>
      all.find((row) => row['pxname'] === pxname && row['svname'] === svname);
    expect(find('http', 'FRONTEND')).toMatchObject({
      scur: '1',
      stot: '2',
      req_tot: '3',
      ereq: '1',
      hrsp_2xx: '3',
      hrsp_4xx: '1',
      status: 'OPEN',
    });
    expect(find('shop_web_10000', 'BACKEND')).toMatchObject({
      stot: '3',
      hrsp_2xx: '3',
      hrsp_5xx: '0',
      econ: '1',
      wretr: '1',
      wredis: '1',
      scur: '0',
      status: 'UP',
      algo: 'roundrobin',
    });
    const frontend = find('http', 'FRONTEND');
    const backend = find('shop_web_10000', 'BACKEND');
    // The frontend also answered a stranger with an error page.
    expect(Number(frontend?.['bout'])).toBeGreaterThan(Number(backend?.['bout']));
    expect(Number(backend?.['bin'])).toBeGreaterThan(3 * 'GET / HTTP/1.1'.length);
    expect(
      all
        .filter(({ pxname, type }) => pxname === 'shop_web_10000' && type === '2')
        .map(({ status }) => status)
        .sort(),
    ).toEqual(['DOWN', 'UP']);
    expect(find('_script__10001', 'BACKEND')).toMatchObject({ status: 'DOWN', act: '0' });
  });
});

describe('several workers', () => {
  it('add up', async () => {
    const one = await used();
    const both = mergeStats([one, one]);
    if (!both) throw new Error('nothing came of it');
    expect(both.workers).toHaveLength(2);
    const [backend] = rows(both).filter(
      ({ pxname, svname }) => pxname === 'shop_web_10000' && svname === 'BACKEND',
    );
    expect(backend).toMatchObject({ stot: '6', hrsp_2xx: '6', smax: '1' });
    expect(mergeStats([])).toBeUndefined();
  });
});

describe('the page and Prometheus', () => {
  it('show services, reasons and numbers, and nothing of a name is taken for markup', async () => {
    const page = [...statsPage(await used())].join('');
    expect(page).toContain('1 of 2 servers up');
    expect(page).toContain('port 10005 is taken by &#60;nginx&#62;');
    expect(page).not.toMatch(/<script>|<b>|<nginx>/);
  });

  it('leave a reason the room that it needs', async () => {
    const page = [...statsPage(await used())].join('');
    // First cells take all width that is left; where the second cell is a sentence, that one does.
    expect(page).toContain('<table class="why"><tr><td class="down">port 10005</td><td>port 10005 is taken');
    expect(page).toContain('.why td:last-child{width:99%}');
  });

  it('use the names of HAProxy', async () => {
    const text = [...statsPrometheus(await used())].join('');
    expect(text).toContain('haproxy_backend_http_responses_total{proxy="shop_web_10000",code="2xx"} 3\n');
    expect(text).toContain('haproxy_frontend_http_requests_total{proxy="http"} 3\n');
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    expect(new Set(names).size).toBe(names.length);
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_]+(\{[^{}]*\})? -?[\d.]+$)/);
  });
});
