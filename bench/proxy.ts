import { type ChildProcess, execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  answers,
  benchService,
  freePort,
  LARGE_BYTES,
  LOAD_CPU,
  makeOwn,
  PROXY_CPU,
  pin,
  SMALL_BODY,
  startBackend,
  startHaproxy,
  startHttpProxy,
} from './_lb-peers.js';
import { type Row, report } from './_report.js';
import { HEADERS, type Loaded, medianOf, residentMiB, wrk } from './_wrk.js';

/**
 * The load balancer beside HAProxy with one thread and http-proxy with keep-alive agents. What is measured has one core, load
 * and backends the other; two backends; 20 request fields; forwarded fields, retries, counters and an access log to a file
 * in all. Peers take turns in each round; the median of a peer's rounds counts. Needs `wrk`, `haproxy` and `taskset`.
 * Usage: npm run bench -- proxy [--seconds N] [--rounds N] [--only small,rate,tcp,large,fresh,many,tls]
 */
interface Peer {
  readonly name: string;
  readonly url: string;
  readonly pids: readonly number[];
}

interface Conditions {
  readonly connections: number;
  readonly path?: string;
  readonly perSecond?: number;
  readonly fresh?: boolean;
  readonly rounds?: number;
}

const LONGRUN = 'longrun';
const HAPROXY = 'haproxy, 1 thread';
const HTTP_PROXY = 'http-proxy';

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const seconds = Number(option('seconds', '3'));
const rounds = Number(option('rounds', '5'));
const only = option('only', 'small,rate,tcp,large,fresh,many,tls').split(',');

/** Every peer in turn, round by round. */
async function measure(
  peers: readonly Peer[],
  { connections, path = '/', perSecond, fresh = false, rounds: asked = rounds }: Conditions,
): Promise<Map<string, Loaded>> {
  const runs = new Map<string, Loaded[]>(peers.map(({ name }) => [name, []]));
  for (let round = 0; round < asked; round++) {
    for (const { name, url, pids } of peers) {
      const load = { url: new URL(path, url).href, connections, seconds, headers: HEADERS, cpu: LOAD_CPU };
      const paced = { ...load, fresh, ...(perSecond === undefined ? {} : { perSecond }) };
      runs.get(name)?.push(await wrk(paced, pids));
    }
  }
  return new Map([...runs].map(([name, all]) => [name, medianOf(all)]));
}

/** Rows of one scenario: each peer, then ours as a multiple of theirs. */
function* rowsOf(
  what: string,
  results: ReadonlyMap<string, Loaded>,
  targets: Readonly<Record<string, string>> = {},
): Iterable<Row> {
  for (const [name, { requestsPerSecond, p50Ms, p99Ms, errors, cpuUsPerRequest }] of results) {
    yield { what: `${what}: ${name}`, value: requestsPerSecond, unit: 'req/s' };
    yield { what: `${what}: ${name}, processor time`, value: cpuUsPerRequest, unit: 'µs/request' };
    yield { what: `${what}: ${name}, p50`, value: p50Ms, unit: 'ms' };
    const limit = targets[`${name} p99`];
    yield { what: `${what}: ${name}, p99`, value: p99Ms, unit: 'ms', ...(limit ? { target: limit } : {}) };
    const failed = name === LONGRUN ? { target: '0' } : {};
    yield { what: `${what}: ${name}, failed`, value: errors, unit: 'requests', ...failed };
  }
  const own = results.get(LONGRUN);
  for (const [name, { requestsPerSecond }] of results) {
    if (name === LONGRUN || !own) continue;
    const target = targets[name];
    const value = own.requestsPerSecond / requestsPerSecond;
    yield { what: `${what}: longrun is, of ${name}`, value, unit: 'times', ...(target ? { target } : {}) };
  }
}

async function run(http: readonly Peer[], tcp: readonly Peer[], tls: readonly Peer[]): Promise<Row[]> {
  const rows: Row[] = [
    { what: 'conditions', value: `${rounds} rounds of ${seconds} s, two backends, 20 fields`, unit: '' },
  ];
  const pair = http.filter(({ name }) => name !== HTTP_PROXY);
  const wants = (scenario: string): boolean => only.includes(scenario);
  if (wants('small') || wants('rate')) {
    const small = await measure(http, { connections: 64 });
    rows.push(...rowsOf('HTTP, 64 connections', small, { [HTTP_PROXY]: '>= 3', [HAPROXY]: '>= 0.5' }));
    if (wants('rate')) {
      const perSecond = (small.get(HAPROXY)?.requestsPerSecond ?? 0) / 2;
      const paced = await measure(pair, { connections: 256, perSecond, rounds: 3 });
      rows.push(...rowsOf("HTTP at half HAProxy's rate", paced, { [`${LONGRUN} p99`]: '<= 5' }));
    }
  }
  if (wants('tcp')) {
    const small = await measure(tcp, { connections: 64 });
    rows.push(...rowsOf('TCP, small answers', small, { [HAPROXY]: '>= 0.6' }));
    const large = await measure(tcp, { connections: 64, path: '/large' });
    rows.push(...rowsOf('TCP, 64 KiB', large, { [HAPROXY]: '>= 0.35' }));
  }
  if (wants('large'))
    rows.push(...rowsOf('HTTP, 64 KiB', await measure(http, { connections: 64, path: '/large', rounds: 3 })));
  if (wants('fresh'))
    rows.push(
      ...rowsOf('HTTP, fresh connections', await measure(pair, { connections: 64, fresh: true, rounds: 3 })),
    );
  if (wants('many'))
    rows.push(...rowsOf('HTTP, 512 connections', await measure(http, { connections: 512, rounds: 3 })));
  if (wants('tls')) {
    rows.push(...rowsOf('TLS, 64 connections', await measure(tls, { connections: 64, rounds: 3 })));
    const fresh = await measure(tls, { connections: 64, fresh: true, rounds: 3 });
    rows.push(...rowsOf('TLS, fresh connections', fresh));
  }
  for (const { name, pids } of http)
    rows.push({ what: `${name}: resident memory at the end`, value: residentMiB(pids), unit: 'MiB' });
  return rows;
}

/** A certificate of its own for localhost, with its key in the same file. */
function makeCertificate(dir: string): string {
  const [key, file] = [join(dir, 'localhost.key'), join(dir, 'certificates', 'localhost.pem')];
  mkdirSync(dirname(file));
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', file],
    ],
    { stdio: 'ignore' },
  );
  appendFileSync(file, readFileSync(key));
  return file;
}

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-bench-proxy-'));
  const children: ChildProcess[] = [];
  const backends = [await freePort(), await freePort()];
  const [haproxyPort, haproxyTcpPort, tcpPort] = [await freePort(), await freePort(), await freePort()];
  const haproxyTlsPort = await freePort();
  const certificate = makeCertificate(dir);
  const parent = await makeOwn(
    dir,
    [
      benchService('web', 1, backends, { vhosts: ['localhost'] }),
      benchService('raw', tcpPort, backends, { mode: 'tcp', bindPort: true }),
    ],
    {
      lbHttpsPort: 0,
      lbCerts: dirname(certificate),
      telling: {
        accessLog: { format: 'json', to: { kind: 'file' }, maxBytes: 1 << 30, files: 2, withQuery: false },
        omitServerMetrics: false,
        address: '127.0.0.1',
      },
    },
  );
  try {
    backends.forEach((port, index) => {
      children.push(startBackend(dir, `backend${index}`, port));
    });
    const servers = backends.map((port, index) => ` server s${index} 127.0.0.1:${port}`);
    const log = [' log stdout format raw local0', ' option httplog'];
    const haproxy = startHaproxy(
      dir,
      'peer',
      [
        'listen http',
        ` bind 127.0.0.1:${haproxyPort}`,
        ` bind 127.0.0.1:${haproxyTlsPort} ssl crt ${certificate} alpn http/1.1`,
        ...log,
        ' option forwardfor',
        ' http-reuse always',
        ' http-request set-header X-Forwarded-Proto http',
        ' http-request set-header X-Forwarded-Host %[req.hdr(Host)]',
        ' http-request set-header X-Forwarded-Port %[dst_port]',
        ...servers,
        'listen tcp',
        ' mode tcp',
        ` bind 127.0.0.1:${haproxyTcpPort}`,
        ' log stdout format raw local0',
        ' option tcplog',
        ...servers,
      ],
      { cpu: PROXY_CPU },
    );
    children.push(haproxy);
    const { child: httpProxy, port: httpProxyPort } = await startHttpProxy(
      dir,
      backends.map((port) => `http://127.0.0.1:${port}`),
    );
    children.push(httpProxy);
    const { lbUrl, httpsUrl, pids } = await parent.start();
    if (httpsUrl === undefined) throw new Error('TLS is not served');
    for (const pid of pids) await pin(pid, PROXY_CPU);
    const haproxyPids = [haproxy.pid ?? 0];
    const http: Peer[] = [
      { name: LONGRUN, url: `http://localhost:${new URL(lbUrl).port}/`, pids },
      { name: HAPROXY, url: `http://127.0.0.1:${haproxyPort}/`, pids: haproxyPids },
      { name: HTTP_PROXY, url: `http://127.0.0.1:${httpProxyPort}/`, pids: [httpProxy.pid ?? 0] },
    ];
    const tcp: Peer[] = [
      { name: LONGRUN, url: `http://127.0.0.1:${tcpPort}/`, pids },
      { name: HAPROXY, url: `http://127.0.0.1:${haproxyTcpPort}/`, pids: haproxyPids },
    ];
    const tls: Peer[] = [
      { name: LONGRUN, url: `https://localhost:${new URL(httpsUrl).port}/`, pids },
      { name: HAPROXY, url: `https://localhost:${haproxyTlsPort}/`, pids: haproxyPids },
    ];
    for (const { url } of [...http, ...tcp]) {
      await answers(url, SMALL_BODY);
      await answers(new URL('/large', url).href, 'x'.repeat(LARGE_BYTES));
    }
    report('proxy', await run(http, tcp, tls));
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
