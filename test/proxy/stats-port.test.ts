import { request } from 'node:http';
import { connect } from 'node:net';
import type { ProxyStats } from '../../src/proxy/stats/proxy-stats.js';
import { readStatsQuery } from '../../src/proxy/worker/stats-query.js';
import { StatsServer } from '../../src/proxy/worker/stats-server.js';

const TOKEN = 'the-token-of-the-work-dir';
const empty: ProxyStats = {
  workers: [
    { pid: 7, uptimeS: 5, startedMs: 0, rssBytes: 1, retiring: false },
    { pid: 8, uptimeS: 5, startedMs: 0, rssBytes: 1, retiring: false },
  ],
  table: { epoch: 1, version: 1 },
  connected: true,
  frontends: [],
  services: [],
  notServed: {},
};

let server: StatsServer;
let port: number;
let refetched: number;
let serverIsAway: boolean;
let told: ProxyStats;

beforeEach(async () => {
  refetched = 0;
  serverIsAway = false;
  told = empty;
  server = new StatsServer({
    stats: async () => told,
    table: () => ({ epoch: 1, version: 1, services: {} }),
    refetch: async () => {
      refetched += 1;
      return !serverIsAway;
    },
    names: ['127.0.0.1', 'box.example'],
    token: TOKEN,
    omitServerMetrics: false,
  });
  port = await server.open({ host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close());

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

function ask(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
      );
    })
      .on('error', reject)
      .end();
  });
}

const bearer = { Authorization: `Bearer ${TOKEN}` };
const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });

describe('the statistics port', () => {
  it('answers what HAProxy and marathon-lb answer', async () => {
    expect((await ask('/haproxy?stats;csv;norefresh')).text).toMatch(/^# pxname,svname,/);
    expect((await ask('/haproxy?stats;json')).headers['content-type']).toBe('application/json');
    expect((await ask('/haproxy?stats;norefresh')).text).toContain('data-norefresh="true"');
    expect((await ask('/metrics')).text).toContain('haproxy_process_nbproc 2\n');
    expect((await ask('/_haproxy_getpids')).text).toBe('7\n');
    expect((await ask('/_haproxy_getconfig')).text).toContain('frontend marathon_http_in');
    expect((await ask('/_haproxy_health_check')).status).toBe(200);
    expect(JSON.parse((await ask('/live.json')).text)).toMatchObject({ rows: [] });
    expect((await ask('/nothing')).status).toBe(404);
    expect((await ask('/metrics', {}, 'DELETE')).status).toBe(405);
  });

  it('names one process for all that serve, and those that retire: who waits for the end of a reload waits for these', async () => {
    const worker = { uptimeS: 5, startedMs: 0, rssBytes: 1, retiring: false };
    told = {
      ...empty,
      workers: [
        { ...worker, pid: 9, retiring: true },
        { ...worker, pid: 8 },
        { ...worker, pid: 7 },
      ],
    };
    expect((await ask('/_haproxy_getpids')).text).toBe('7 9\n');
  });

  it('reads words in HAProxy’s way, in any order', () => {
    expect(readStatsQuery('stats;up;csv')).toMatchObject({ form: 'csv', onlyUp: true });
    expect(readStatsQuery('stats;norefresh;app=%2Fshop%2Fweb%3A1')).toMatchObject({
      form: 'page',
      noRefresh: true,
      app: '/shop/web:1',
    });
    expect(readStatsQuery('stats;app=%zz')).toMatchObject({ app: '%zz' });
  });

  it('is not for a page that points a name of its own here', async () => {
    for (const path of ['/', '/metrics', '/live.json', '/_haproxy_getconfig', '/_mlb_signal/hup'])
      expect((await ask(path, { Host: `evil.example:${port}`, ...bearer })).status).toBe(403);
    expect(refetched).toBe(0);
    for (const host of [`localhost:${port}`, `box.example:${port}`])
      expect((await ask('/metrics', { Host: host })).status).toBe(200);
  });

  it('tells a load balancer in front that it is there, even one that names no host', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      let got = '';
      const socket = connect(port, '127.0.0.1', () =>
        socket.write('GET /_haproxy_health_check HTTP/1.0\r\n\r\n'),
      );
      socket.on('data', (chunk) => {
        got += chunk.toString();
      });
      socket.on('close', () => resolve(got));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('what changes something there', () => {
  it('is done for whoever has the token, as a bearer or as a password', async () => {
    expect((await ask('/_mlb_signal/hup', bearer)).status).toBe(200);
    expect((await ask('/_mlb_signal/hup', basic(`anybody:${TOKEN}`), 'POST')).status).toBe(200);
    expect(refetched).toBe(2);
    expect((await ask('/_mlb_signal/usr1', bearer)).text).toContain('nothing to reload');
    expect(refetched).toBe(2);
    serverIsAway = true;
    expect((await ask('/_mlb_signal/hup', bearer)).status).toBe(503);
  });

  it('is done for nobody else', async () => {
    const refused = [{}, { Authorization: 'Bearer wrong' }, basic('anybody:wrong'), basic(TOKEN.slice(1))];
    for (const headers of refused) {
      const { status, headers: answered } = await ask('/_mlb_signal/hup', headers);
      expect(status).toBe(401);
      expect(answered['www-authenticate']).toContain('Basic');
    }
    const fromElsewhere = { ...bearer, 'Sec-Fetch-Site': 'cross-site' };
    expect((await ask('/_mlb_signal/hup', fromElsewhere)).status).toBe(403);
    expect((await ask('/_mlb_signal/hup', { ...bearer, Origin: 'http://evil.example' })).status).toBe(403);
    expect(refetched).toBe(0);
  });
});
