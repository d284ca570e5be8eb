import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  answers,
  benchService,
  freePort,
  LARGE_BYTES,
  LOAD_CPU,
  makeOwnHaproxy,
  PROXY_CPU,
  pin,
  SMALL_BODY,
  startBackend,
  startHaproxy,
} from './_lb-peers.js';
import { quantile, type Row, report } from './_report.js';
import { cpuSeconds, HEADERS, type Loaded, medianOf, wrk } from './_wrk.js';

/**
 * HAProxy as longrun configures it beside one that is configured by hand to do the same: choose by host, forwarded fields, the same
 * attempts after a failure, no access log in either. One thread each on one core, load and two backends on the other; both take
 * turns in each round; the median of the rounds counts, by requests per second and by processor time of HAProxy apart. Needs `wrk`, `haproxy` and `taskset`.
 * Usage: npm run bench -- proxy-haproxy [--seconds N] [--rounds N]
 */
interface Peer {
  readonly name: string;
  readonly url: string;
  readonly pids: readonly number[];
}

const LONGRUN = 'HAProxy plane';
const BY_HAND = 'HAProxy by hand';
const TARGET = '>= 0.95';

function option(name: string, fallback: string): number {
  const at = process.argv.indexOf(`--${name}`);
  return Number(at < 0 ? fallback : (process.argv[at + 1] ?? fallback));
}

const seconds = option('seconds', '3');
const rounds = option('rounds', '5');

/** Whoever is asked first in one round is asked last in the next. */
async function* measure(
  what: string,
  peers: readonly Peer[],
  load: { readonly path?: string; readonly fresh?: boolean },
): AsyncIterable<Row> {
  const runs = new Map<string, Loaded[]>(peers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const { name, url, pids } of round % 2 === 0 ? peers : [...peers].reverse())
      runs.get(name)?.push(
        await wrk(
          {
            url: new URL(load.path ?? '/', url).href,
            connections: 64,
            seconds,
            headers: HEADERS,
            cpu: LOAD_CPU,
            fresh: load.fresh === true,
          },
          pids,
        ),
      );
  const [own, byHand] = [LONGRUN, BY_HAND].map((name) => {
    const all = runs.get(name) ?? [];
    return {
      ...medianOf(all),
      cpuUsPerRequest: quantile(
        all.map(({ cpuUsPerRequest }) => cpuUsPerRequest),
        0.5,
      ),
    };
  });
  if (!own || !byHand) throw new Error('nothing was measured');
  for (const [name, result] of [
    [LONGRUN, own],
    [BY_HAND, byHand],
  ] as const) {
    yield { what: `${what}: ${name}`, value: result.requestsPerSecond, unit: 'req/s' };
    yield { what: `${what}: ${name}, processor time`, value: result.cpuUsPerRequest, unit: 'µs/request' };
    yield { what: `${what}: ${name}, p99`, value: result.p99Ms, unit: 'ms' };
    yield { what: `${what}: ${name}, failed`, value: result.errors, unit: 'requests', target: '0' };
  }
  yield {
    what: `${what}: ${LONGRUN} is, of ${BY_HAND}`,
    value: own.requestsPerSecond / byHand.requestsPerSecond,
    unit: 'times',
  };
  // What a full processor carries: on a machine that others use, too, requests per second say little.
  yield {
    what: `${what}: requests per processor second, of ${BY_HAND}`,
    value: byHand.cpuUsPerRequest / own.cpuUsPerRequest,
    unit: 'times',
    target: TARGET,
  };
}

/** What somebody writes who wants the same of HAProxy. */
function byHand(dir: string, httpPort: number, tcpPort: number, backends: readonly number[]): string[] {
  const hosts = join(dir, 'by-hand.map');
  writeFileSync(hosts, ['localhost web', 'other.test web', ''].join('\n'));
  const servers = backends.map((port, index) => ` server s${index} 127.0.0.1:${port}`);
  return [
    'frontend http',
    ` bind 127.0.0.1:${httpPort}`,
    ' option forwardfor',
    ' http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    ' http-request set-header X-Forwarded-Proto http if !{ ssl_fc }',
    ' http-request set-header X-Forwarded-Host %[req.hdr(Host)]',
    ' http-request set-header X-Forwarded-Port %[dst_port]',
    ` use_backend %[req.hdr(host),host_only,lower,map(${hosts})]`,
    'backend web',
    ' balance roundrobin',
    ' retry-on conn-failure empty-response',
    ' http-request disable-l7-retry unless { method GET HEAD PUT DELETE OPTIONS TRACE }',
    ...servers,
    'listen tcp',
    ' mode tcp',
    ` bind 127.0.0.1:${tcpPort}`,
    ...servers,
  ];
}

async function haproxyPids(statsUrl: string): Promise<readonly number[]> {
  const text = await (await fetch(new URL('/_haproxy_getpids', statsUrl))).text();
  return text.trim().split(' ').map(Number);
}

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-bench-proxy-haproxy-'));
  const children: ChildProcess[] = [];
  const backends = [await freePort(), await freePort()];
  const [httpPort, byHandTcpPort, tcpPort] = [await freePort(), await freePort(), await freePort()];
  const parent = await makeOwnHaproxy(dir, [
    benchService('web', 1, backends, { vhosts: ['localhost'] }),
    benchService('raw', tcpPort, backends, { mode: 'tcp', bindPort: true }),
  ]);
  try {
    backends.forEach((port, index) => {
      children.push(startBackend(dir, `backend${index}`, port));
    });
    const peer = startHaproxy(dir, 'by-hand', byHand(dir, httpPort, byHandTcpPort, backends), {
      cpu: PROXY_CPU,
    });
    children.push(peer);
    const { lbUrl, statsUrl, pids: beside } = await parent.start();
    const own = await haproxyPids(statsUrl);
    for (const pid of own) await pin(pid, PROXY_CPU);
    // The process beside HAProxy takes its share of the same core.
    for (const pid of beside) await pin(pid, PROXY_CPU);
    const peerPids = [peer.pid ?? 0];
    const http: Peer[] = [
      { name: LONGRUN, url: `http://localhost:${new URL(lbUrl).port}/`, pids: own },
      { name: BY_HAND, url: `http://localhost:${httpPort}/`, pids: peerPids },
    ];
    const tcp: Peer[] = [
      { name: LONGRUN, url: `http://127.0.0.1:${tcpPort}/`, pids: own },
      { name: BY_HAND, url: `http://127.0.0.1:${byHandTcpPort}/`, pids: peerPids },
    ];
    for (const { url } of [...http, ...tcp]) {
      await answers(url, SMALL_BODY);
      await answers(new URL('/large', url).href, 'x'.repeat(LARGE_BYTES));
    }
    const rows: Row[] = [
      { what: 'conditions', value: `${rounds} rounds of ${seconds} s, two backends, 20 fields`, unit: '' },
    ];
    const scenarios = [
      measure('HTTP, 64 connections', http, {}),
      measure('HTTP, 64 KiB', http, { path: '/large' }),
      measure('HTTP, fresh connections', http, { fresh: true }),
      measure('TCP, small answers', tcp, {}),
    ];
    const [startedMs, usedBefore] = [performance.now(), cpuSeconds(beside)];
    for (const scenario of scenarios) for await (const row of scenario) rows.push(row);
    rows.push({
      what: 'the process beside HAProxy, of one processor',
      value: (100_000 * (cpuSeconds(beside) - usedBefore)) / (performance.now() - startedMs),
      unit: '%',
    });
    report('proxy-haproxy', rows);
  } finally {
    await parent.stop({ leaveWorkers: false });
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
