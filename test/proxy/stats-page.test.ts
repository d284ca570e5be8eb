import { createHash } from 'node:crypto';
import { counterValues } from '../../src/proxy/stats/collect.js';
import * as shared from '../../src/proxy/stats/page/in-browser.js';
import { livePage, pagePolicy, statsPage } from '../../src/proxy/stats/page/page.js';
import type { PageRow } from '../../src/proxy/stats/page/rows.js';
import { pageScript } from '../../src/proxy/stats/page/script.js';
import type { ProxyStats, ServerStats, ServiceStats } from '../../src/proxy/stats/proxy-stats.js';
import { Counters } from '../../src/proxy/worker/counters.js';

const zero = counterValues(new Counters(), 0);

function server(over: Partial<ServerStats> = {}): ServerStats {
  return {
    name: 'localhost_127_0_0_1_31000',
    address: '127.0.0.1:31000',
    taskId: 'web.1',
    status: 'UP',
    version: '2026-01-01T00:00:00.000Z',
    weight: 1,
    idle: 0,
    qcur: 0,
    ejections: 0,
    ejectedMs: 0,
    sticky: '',
    values: zero,
    ...over,
  };
}

function service(appId: string, over: Partial<ServiceStats> = {}): ServiceStats {
  return {
    key: `${appId}:10000`,
    name: appId.replace(/\W/g, '_'),
    appId,
    port: 10_000,
    mode: 'http',
    vhosts: ['web.test'],
    algorithm: 'roundrobin',
    isSticky: false,
    serverLimit: 0,
    qcur: 0,
    qmax: 0,
    up: 1,
    known: 1,
    states: 'U',
    values: zero,
    servers: [server()],
    ...over,
  };
}

function stats(services: readonly ServiceStats[]): ProxyStats {
  return {
    workers: [{ pid: 7, uptimeS: 5, startedMs: 0, rssBytes: 1, retiring: false }],
    table: { epoch: 1, version: 1 },
    connected: true,
    frontends: [{ name: 'marathon_http_in', port: 9_080, mode: 'http', values: zero }],
    services,
    notServed: { 10005: 'port 10005 is taken by <nginx>' },
  };
}

const buckets = (index: number, count: number): number[] =>
  Array.from({ length: 82 }, (_, i) => (i === index ? count : 0));

const page = (of: ProxyStats, open?: string): string =>
  [...statsPage(of, open === undefined ? {} : { open })].join('');

describe('the statistics page', () => {
  it('shows apps, reasons and numbers, and nothing of a name is taken for markup', () => {
    const text = page(stats([service('/<script>', { vhosts: ['<b>.test'], states: '', up: 0, known: 0 })]));
    const shown = text.slice(text.indexOf('<main>'), text.indexOf('<footer>'));
    expect(shown).toContain('port 10005 is taken by &#60;nginx&#62;');
    expect(shown).toContain('no instance');
    expect(shown).not.toMatch(/<script>|<b>\.|<nginx>/);
  });

  it('shows an app in full without any script when asked by its link', () => {
    const of = stats([
      service('/web', {
        servers: [
          server({ status: 'DOWN', ejectedMs: 1_500, ejections: 2 }),
          server({ status: 'DRAIN', leaving: true, values: { ...zero, scur: 3 } }),
        ],
        states: 'Dd',
        versions: ['2026-01-01T00:00:00.000Z', '2026-02-02T00:00:00.000Z'].map((version, i) => ({
          version,
          requests: 100,
          errors: i,
          recent: { requests: 100, errors: i, buckets: buckets(20 + 20 * i, 100) },
          classes: [],
        })),
      }),
    ]);
    const link = /href="\?stats;app=([^"]+)"/.exec(page(of))?.[1] ?? '';
    const text = page(of, decodeURIComponent(link));
    expect(text).toContain('left alone for 1.5 s');
    expect(text).toContain('3 in flight');
    // Side by side, the newest first.
    expect(text).toMatch(/2026-02-02T00:00:00.000Z.*1\.0 %.*2026-01-01T00:00:00.000Z.*0 %/s);
    expect(page(of)).not.toContain('in flight');
  });

  it('lets nothing run but its own script', () => {
    const text = page(stats([service('/web')]));
    const scripts = [...text.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script = '']) => script);
    expect(scripts).toHaveLength(1);
    const hash = createHash('sha256')
      .update(scripts[0] ?? '')
      .digest('base64');
    expect(pagePolicy).toContain(`script-src 'sha256-${hash}'`);
    expect(pagePolicy).toContain("default-src 'none'");
  });

  it('runs in a browser the functions that the server runs', () => {
    const row: PageRow = {
      key: '/web:1',
      app: '/web',
      port: 1,
      mode: 'http',
      hosts: ['a', 'b', 'c', 'd<'],
      states: 'UDMdW',
      up: 1,
      known: 4,
      past: [0, 3, 1],
      rate: 1234.5,
      errors: 0.01,
      p50: 0.2,
      p95: 20,
      p99: 12_000,
      lately: 100,
      failed: 1,
      now: 3,
      queue: 0,
      total: 1_234_567,
      bytesOut: 5_000_000,
    };
    // By their own text, as the page has them: nothing of this module is within reach.
    const own = pageScript.slice(0, pageScript.indexOf('(() => {'));
    const cells = new Function(
      'row',
      `${own}; return rowCells(row, true) + isTroubled(row) + sortValue(row, 'up');`,
    );
    expect(cells(row)).toBe(
      shared.rowCells(row, true) + shared.isTroubled(row) + shared.sortValue(row, 'up'),
    );
    expect(shared.rowCells(row, true)).toContain(
      'aria-label="1 up, 1 left alone for its failures, 1 disabled, 1 draining, 1 weight 0"',
    );
  });

  it('is refreshed with a line per app, and with all of those that are opened', () => {
    const of = stats([service('/a', { past: [0, 10, 10, 10, 10, 10] }), service('/b')]);
    const live = JSON.parse([...livePage(of, ['/b:10000', '/gone:1'])].join('')) as {
      rows: PageRow[];
      details: Record<string, string>;
    };
    expect(live.rows.map(({ app, rate }) => [app, rate])).toEqual([
      ['/a', 10],
      ['/b', 0],
    ]);
    expect(Object.keys(live.details)).toEqual(['/b:10000']);
  });
});
