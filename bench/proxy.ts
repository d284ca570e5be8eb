import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProxyServer } from 'http-proxy';
import type { ProxyParent } from '../src/proxy/listeners/proxy-parent.js';
import type { RoutingTable } from '../src/proxy/table.js';
import { packageRoot } from '../test/support/package-root.js';
import { type Row, report } from './_report.js';

/**
 * HTTP proxying on loopback: a small answer over keep-alive connections, forwarded headers on, beside HAProxy with one
 * thread and http-proxy with keep-alive agents. Needs `wrk` and `haproxy`. The peers take turns in each round; the median
 * of a peer's rounds counts. Usage: npm run bench -- proxy [--seconds N] [--connections N] [--rounds N]
 */
interface Measured {
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly rssMiB: number;
}

interface Peer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

const BACKEND_BODY = 'hello from the backend of this benchmark\n';

/** Child: http-proxy as its users run it, with a keep-alive agent and forwarded headers. */
function runHttpProxy(target: string): void {
  const proxy = createProxyServer({
    target,
    agent: new Agent({ keepAlive: true, maxSockets: 256 }),
    xfwd: true,
  });
  const server = createServer((request, response) =>
    proxy.web(request, response, {}, () => response.destroy()),
  );
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
}

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** The backend (answers by itself) and the HAProxy to compare with, each a process of its own. */
async function startHaproxy(dir: string, name: string, lines: readonly string[]): Promise<ChildProcess> {
  const file = join(dir, `${name}.cfg`);
  const defaults = [
    'defaults',
    ' mode http',
    ' timeout connect 3s',
    ' timeout client 30s',
    ' timeout server 30s',
    ' timeout http-keep-alive 60s',
  ];
  writeFileSync(file, ['global', ' nbthread 1', ' maxconn 4096', ...defaults, ...lines, ''].join('\n'));
  return spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const body = await new Promise<string>((resolve) => {
      get(url, { agent: false }, (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => {
          text += piece.toString();
        });
        response.on('end', () => resolve(text));
      }).on('error', () => resolve(''));
    });
    if (body === BACKEND_BODY) return;
    await new Promise((again) => setTimeout(again, 10));
  }
  throw new Error(`${url} does not answer as the backend does`);
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
}

function measure(peer: Peer, connections: string, seconds: string): Measured {
  const text = execFileSync('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', peer.url], {
    encoding: 'utf8',
  });
  const milliseconds = (label: string): number => {
    const found = new RegExp(`${label}\\s+([\\d.]+)(us|ms|s)`).exec(text);
    const unit = { us: 0.001, ms: 1, s: 1_000 }[found?.[2] ?? 'ms'] ?? 1;
    return Number(found?.[1] ?? Number.NaN) * unit;
  };
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return {
    name: peer.name,
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? Number.NaN),
    p50Ms: milliseconds('50%'),
    p99Ms: milliseconds('99%'),
    errors: (socketErrors ?? []).slice(1).reduce((sum, count) => sum + Number(count), bad),
    rssMiB: residentMiB(peer.pid),
  };
}

function median(rounds: readonly Measured[]): Measured {
  const sorted = [...rounds].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error('nothing was measured');
  return { ...middle, errors: rounds.reduce((sum, { errors }) => sum + errors, 0) };
}

async function main(): Promise<void> {
  const [seconds, connections, rounds] = [
    option('seconds', '4'),
    option('connections', '64'),
    Number(option('rounds', '3')),
  ];
  const dir = mkdtempSync(join(tmpdir(), 'longrun-bench-proxy-'));
  const [backendPort, haproxyPort] = [await freePort(), await freePort()];
  const children: ChildProcess[] = [];
  const parent = await makeOwn(dir, backendPort);
  try {
    const returned = ` http-request return status 200 content-type text/plain string "${BACKEND_BODY.trim()}\\n"`;
    children.push(
      await startHaproxy(dir, 'backend', ['listen backend', ` bind 127.0.0.1:${backendPort}`, returned]),
    );
    const haproxy = await startHaproxy(dir, 'peer', [
      'listen peer',
      ` bind 127.0.0.1:${haproxyPort}`,
      ' option forwardfor',
      ' http-reuse always',
      ' http-request set-header X-Forwarded-Proto http',
      ' http-request set-header X-Forwarded-Host %[req.hdr(Host)]',
      ' http-request set-header X-Forwarded-Port %[dst_port]',
      ` server one 127.0.0.1:${backendPort}`,
    ]);
    const httpProxy = fork(process.argv[1] ?? '', ['--http-proxy', `http://127.0.0.1:${backendPort}`]);
    children.push(haproxy, httpProxy);
    const httpProxyPort = await new Promise<number>((resolve) =>
      httpProxy.once('message', (port) => resolve(port as number)),
    );
    const { lbUrl, pids } = await parent.start();
    const hosted = `http://localhost:${new URL(lbUrl).port}/`;
    const peers: Peer[] = [
      { name: 'backend alone', url: `http://127.0.0.1:${backendPort}/`, pid: children[0]?.pid ?? 0 },
      { name: 'longrun', url: hosted, pid: pids[0] ?? 0 },
      { name: 'haproxy, 1 thread', url: `http://127.0.0.1:${haproxyPort}/`, pid: haproxy.pid ?? 0 },
      { name: 'http-proxy', url: `http://127.0.0.1:${httpProxyPort}/`, pid: httpProxy.pid ?? 0 },
    ];
    for (const peer of peers) await answers(peer.url);
    const measured = new Map<string, Measured[]>(peers.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) measured.get(peer.name)?.push(measure(peer, connections, seconds));
    }
    report(
      'proxy',
      rows(
        [...measured.values()].map(median),
        `${connections} connections, ${rounds} rounds of ${seconds} s`,
      ),
    );
  } finally {
    await parent.stop({ leaveWorkers: false });
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Our own proxy as it runs in production, its table read from the cache: no server is needed. */
async function makeOwn(dir: string, backendPort: number): Promise<ProxyParent> {
  const appId = '/bench' as RoutingTable['services'][string]['appId'];
  const taskId = 'bench.instance-1._app.1' as RoutingTable['services'][string]['servers'][number]['taskId'];
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const servers = [{ name: 'one', taskId, host: '127.0.0.1', port: backendPort, bootId }];
  const service = {
    appId,
    portIndex: 0,
    servicePort: 10_000,
    mode: 'http',
    vhosts: ['localhost'],
    bindPort: false,
    drainMs: 1_000,
    servers,
  } as const;
  const table: RoutingTable = { version: 1, epoch: 1, services: { '/bench:10000': service } };
  mkdirSync(join(dir, 'proxy'), { recursive: true });
  writeFileSync(join(dir, 'proxy', 'table.json'), JSON.stringify({ format: 1, localBootId: bootId, table }));
  const dist = (path: string): Promise<Record<string, unknown>> =>
    import(join(packageRoot(), 'dist', path)) as Promise<Record<string, unknown>>;
  const { ProxyParent: Parent } = (await dist(
    'proxy/listeners/proxy-parent.js',
  )) as typeof import('../src/proxy/listeners/proxy-parent.js');
  const { SystemClock } = (await dist('util/clock.js')) as typeof import('../src/util/clock.js');
  const { silentLog } = (await dist('logging/log.js')) as typeof import('../src/logging/log.js');
  return new Parent({
    workDir: dir,
    lbAddress: '127.0.0.1',
    lbHttpPort: 0,
    lbStatsPort: 0,
    workers: 1,
    workerEntry: join(packageRoot(), 'dist/proxy/worker-main.js'),
    execArgv: ['--max-semi-space-size=2'],
    serverUrl: () => 'http://127.0.0.1:1',
    token: 'unused',
    hostname: 'localhost',
    logLevel: 'error',
    clock: new SystemClock(),
    log: silentLog,
  });
}

function rows(results: readonly Measured[], conditions: string): Row[] {
  const own = results.find(({ name }) => name === 'longrun')?.requestsPerSecond ?? Number.NaN;
  const table: Row[] = [{ what: 'conditions', value: conditions, unit: '' }];
  for (const { name, requestsPerSecond, p50Ms, p99Ms, errors, rssMiB } of results) {
    table.push({ what: name, value: requestsPerSecond, unit: 'req/s' });
    table.push(
      { what: `${name}: p50`, value: p50Ms, unit: 'ms' },
      { what: `${name}: p99`, value: p99Ms, unit: 'ms' },
    );
    table.push({
      what: `${name}: failed`,
      value: errors,
      unit: 'requests',
      ...(name === 'longrun' ? { target: '0' } : {}),
    });
    table.push({ what: `${name}: resident memory`, value: rssMiB, unit: 'MiB' });
    const target = name === 'http-proxy' ? { target: '>= 2' } : {};
    if (name !== 'longrun')
      table.push({
        what: `longrun is, of ${name}`,
        value: own / requestsPerSecond,
        unit: 'times',
        ...target,
      });
  }
  return table;
}

if (process.argv[2] === '--http-proxy') runHttpProxy(process.argv[3] ?? '');
else {
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
