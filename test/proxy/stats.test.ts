import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frontendStats, serviceStats } from '../../src/proxy/stats/collect.js';
import { csvColumns, statsCsv } from '../../src/proxy/stats/csv.js';
import { mergeSteps } from '../../src/proxy/stats/merge.js';
import { statsPrometheus } from '../../src/proxy/stats/prometheus.js';
import type { ProxyStats } from '../../src/proxy/stats/proxy-stats.js';
import { statsJson } from '../../src/proxy/stats/stats-json.js';
import { Traffic } from '../../src/proxy/worker/traffic/traffic.js';
import { finish } from '../../src/util/steps.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const OLD = '2026-01-01T00:00:00.000Z';
const NEW = '2026-02-02T00:00:00.000Z';

let plane: Plane;
afterEach(() => plane?.close());

/** Three good requests, one malformed, one to a server that refuses. */
async function used(): Promise<ProxyStats> {
  const backend = await Backend.answering('four');
  plane = await Plane.start([
    service([
      { ...serverAt(backend.port), version: NEW },
      { ...serverAt(1), version: OLD },
    ]),
    service([{ ...serverAt(2), disabled: true }], {
      servicePort: 10_001,
      vhosts: ['<b>.test'],
      appId: '/<script>' as never,
    }),
  ]);
  const traffic = new Traffic();
  Object.assign(plane.shared, { exchangeEnded: traffic.ended.bind(traffic) });
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
    workers: [{ pid: 1, uptimeS: 5, startedMs: 0, rssBytes: 1, retiring: false }],
    table: { epoch: 1, version: 1 },
    connected: true,
    frontends: [frontendStats(plane.vhost, nowMs)],
    services: [...plane.routes.services.values()].map((live) => serviceStats(live, nowMs)),
    strangers: Object.fromEntries(traffic.strangers),
    notServed: { 10005: 'port 10005 is taken by <nginx>' },
  };
}

/** The CSV as rows by column name, as scripts read it. */
function rows(stats: ProxyStats): Record<string, string>[] {
  const [head, ...lines] = [...statsCsv(stats)].join('').trimEnd().split('\n');
  const names = (head ?? '').replace(/^# /, '').split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((value, i) => [names[i], value])));
}

const hasHaproxy = spawnSync('haproxy', ['-v']).error === undefined;

/** What a real HAProxy says over its socket. */
async function haproxySays(question: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
  const socket = join(dir, 's');
  writeFileSync(
    join(dir, 'haproxy.cfg'),
    `global\n stats socket ${socket} mode 600\ndefaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nbackend b\n server s 127.0.0.1:1\n`,
  );
  const process = spawn('haproxy', ['-f', join(dir, 'haproxy.cfg'), '-db'], { stdio: 'ignore' });
  try {
    let text = '';
    const ask = (): Promise<boolean> =>
      new Promise((resolve) => {
        text = '';
        const line = connect(socket, () => line.write(`${question}\n`));
        line.on('data', (chunk) => {
          text += chunk.toString();
        });
        line.on('error', () => resolve(false));
        line.on('close', () => resolve(text !== ''));
      });
    for (let tries = 0; tries < 200 && !(await ask()); tries++)
      await new Promise((again) => setTimeout(again, 20));
    return text;
  } finally {
    process.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('the CSV', () => {
  (hasHaproxy ? it : it.skip)(
    'has the head line of the real HAProxy, but for the name that no field can have',
    async () => {
      const [head] = (await haproxySays('show stat')).split('\n');
      expect([...statsCsv(await used())][0]).toBe(`${head?.replace(',-,', ',')}\n`);
    },
  );

  it('has all columns in every row', async () => {
    expect(csvColumns).toHaveLength(127);
    for (const line of [...statsCsv(await used())].join('').trimEnd().split('\n'))
      expect(line.split(',')).toHaveLength(csvColumns.length + 1);
  });

  it('shows the apps of a deployment group as the one proxy that marathon-lb makes of them', async () => {
    const stats = await used();
    const [first] = stats.services;
    if (!first) throw new Error('there is no service');
    const colour = (name: string, server: string) => ({
      ...first,
      key: `/shop/web-${name}:10000`,
      name: `shop_web-${name}_10000`,
      deploymentGroup: 'web',
      servers: first.servers.slice(0, 1).map((each) => ({ ...each, name: server })),
    });
    const two = [colour('blue', 'a_1'), colour('green', 'b_2')];
    const shown = rows({ ...stats, services: [...two, ...stats.services.slice(1)] });
    const ofGroup = shown.filter(({ pxname }) => pxname === 'web_10000');
    expect(ofGroup.map(({ svname }) => svname)).toEqual(['a_1', 'b_2', 'BACKEND']);
    expect(ofGroup.at(-1)).toMatchObject({ stot: String(2 * first.values.stot), act: String(2 * first.up) });
    expect(new Set(ofGroup.map(({ iid }) => iid)).size).toBe(1);
    expect(shown.some(({ pxname }) => pxname?.startsWith('shop_web-'))).toBe(false);
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
    expect(find('_script__10001', 'localhost_127_0_0_1_2')).toMatchObject({ status: 'MAINT' });
    expect(find('_script__10001', 'BACKEND')).toMatchObject({ status: 'DOWN', act: '0' });
  });

  it('leaves out servers that get nothing when only those that are up are asked for', async () => {
    const text = [...statsCsv(await used(), { onlyUp: true })].join('');
    expect(text).not.toMatch(/,(DOWN|MAINT),.*,2,/);
    expect(text.match(/shop_web_10000,localhost/g)).toHaveLength(1);
  });

  it('is JSON in the shape of `show stat json` as well', async () => {
    const [first] = JSON.parse([...statsJson(await used())].join('')) as { field: object; value: object }[][];
    expect(first?.[0]).toMatchObject({
      objType: 'Frontend',
      field: { pos: 0, name: 'pxname' },
      value: { type: 'str', value: 'http' },
    });
  });
});

describe('several workers', () => {
  it('add up', async () => {
    const one = await used();
    const both = finish(mergeSteps([one, one]));
    if (!both) throw new Error('nothing came of it');
    expect(both.workers).toHaveLength(2);
    const [backend] = rows(both).filter(
      ({ pxname, svname }) => pxname === 'shop_web_10000' && svname === 'BACKEND',
    );
    expect(backend).toMatchObject({ stot: '6', hrsp_2xx: '6', smax: '1' });
    const versions = both.services[0]?.versions ?? [];
    expect(versions.map(({ version, requests, recent }) => [version, requests, recent.requests])).toEqual([
      [NEW, 6, 6],
    ]);
    expect(both.strangers).toEqual({ PR: 2 });
    expect(finish(mergeSteps([]))).toBeUndefined();
  });

  it('add up step by step, thousands of service ports, too: requests have their turn in between', async () => {
    const one = await used();
    const [port] = one.frontends;
    if (!port) throw new Error('there is no port');
    const frontends = Array.from({ length: 1_000 }, (_, index) => ({ ...port, port: 10_000 + index }));
    const many = { ...one, frontends };
    const work = mergeSteps([many, many]);
    let steps = 0;
    let step = work.next();
    for (; !step.done; step = work.next()) steps += 1;
    expect(steps).toBeGreaterThanOrEqual(frontends.length);
    expect(step.value?.frontends).toHaveLength(1_000);
    expect(step.value?.frontends[0]?.values.stot).toBe(2 * port.values.stot);
  });

  it('call a server up that one of them sends requests to', async () => {
    const one = await used();
    const [first] = one.services;
    if (!first) throw new Error('there is no service');
    const servers = first.servers.map((server) => ({ ...server, status: 'UP' as const }));
    const other = { ...one, services: [{ ...first, up: 2, states: 'UU', servers }] };
    const merged = finish(mergeSteps([one, other]))?.services[0];
    expect(merged?.servers.map(({ status }) => status)).toEqual(['UP', 'UP']);
    expect(merged?.states).toBe('UU');
  });
});

describe('Prometheus', () => {
  it('is told by the names of HAProxy, each once and well formed', async () => {
    const text = [...statsPrometheus(await used())].join('');
    expect(text).toContain('haproxy_backend_http_responses_total{proxy="shop_web_10000",code="2xx"} 3\n');
    expect(text).toContain('haproxy_frontend_http_requests_total{proxy="http"} 3\n');
    expect(text).toMatch(/haproxy_server_status\{proxy="_script__10001",server="[^"]+",state="MAINT"\} 1\n/);
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    expect(new Set(names).size).toBe(names.length);
    const series = new Set<string>();
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_]+(\{[^{}]*\})? -?[\d.e+-]+$)/);
      const name = line.slice(0, line.lastIndexOf(' '));
      if (!line.startsWith('#')) expect(series.has(name)).toBe(false);
      series.add(name);
    }
  });

  it('is told durations by app, version and class, cumulative over the edges', async () => {
    const text = [...statsPrometheus(await used())].join('');
    const labels = `app="/shop/web",port="10000",version="${NEW}",code="2xx"`;
    expect(text).toContain(`longrun_lb_request_duration_seconds_count{${labels}} 3\n`);
    const bucket = text
      .split('\n')
      .filter((line) => line.startsWith(`longrun_lb_request_duration_seconds_bucket{${labels}`));
    const counts = bucket.map((line) => Number(line.split(' ').at(-1)));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(3);
    expect(text).toContain('longrun_lb_errors_total{app="",port="",reason="refused"} 1\n');
  });

  it('is told nothing of single instances when that is asked for', async () => {
    const text = [...statsPrometheus(await used(), { omitServers: true })].join('');
    expect(text).not.toContain('server="');
    expect(text).toContain('haproxy_backend_status{proxy="shop_web_10000",state="UP"} 1\n');
  });
});
