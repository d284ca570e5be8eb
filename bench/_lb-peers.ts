import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { HaproxyParent } from '../src/proxy/listeners/haproxy-parent.js';
import type { ProxyParent } from '../src/proxy/listeners/proxy-parent.js';
import type { RoutingTable, Service } from '../src/proxy/table.js';
import { packageRoot } from '../test/support/package-root.js';

/** The load balancers that are compared, and what stands behind them. */

export const SMALL_BODY = 'hello from the backend of this benchmark\n';
export const LARGE_BYTES = 64 * 1_024;

/** Cores: what is measured has one for itself, load and backends share the other. */
export const PROXY_CPU = 0;
export const LOAD_CPU = 1;

export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

const defaults = [
  'global',
  ' nbthread 1',
  ' maxconn 4096',
  'defaults',
  ' mode http',
  ' timeout connect 3s',
  ' timeout client 30s',
  ' timeout server 30s',
  ' timeout http-keep-alive 60s',
  ' option redispatch',
  ' retries 3',
];

/** An HAProxy of one thread, pinned; its log goes to a file. */
export function startHaproxy(
  dir: string,
  name: string,
  lines: readonly string[],
  { cpu, global = [] }: { readonly cpu: number; readonly global?: readonly string[] },
): ChildProcess {
  const file = join(dir, `${name}.cfg`);
  const [first = '', ...rest] = defaults;
  writeFileSync(file, [first, ...global, ...rest, ...lines, ''].join('\n'));
  const log = openSync(join(dir, `${name}.log`), 'a');
  return spawn('taskset', ['-c', String(cpu), 'haproxy', '-db', '-f', file], {
    stdio: ['ignore', log, 'inherit'],
  });
}

/** Two backends that answer at once, by a process of HAProxy each: small and large bodies. */
export function startBackend(dir: string, name: string, port: number): ChildProcess {
  writeFileSync(join(dir, 'large.bin'), Buffer.alloc(LARGE_BYTES, 'x'));
  writeFileSync(join(dir, 'small.txt'), SMALL_BODY);
  return startHaproxy(
    dir,
    name,
    [
      `listen ${name}`,
      ` bind 127.0.0.1:${port}`,
      ` http-request return status 200 content-type application/octet-stream file ${join(dir, 'large.bin')} if { path /large }`,
      ` http-request return status 200 content-type text/plain file ${join(dir, 'small.txt')}`,
    ],
    // What is returned from a file must fit into a buffer.
    { cpu: LOAD_CPU, global: [` tune.bufsize ${2 * LARGE_BYTES}`] },
  );
}

/** A proxy of `http-proxy`, in a process of its own (bench/_http-proxy-child.ts), pinned. */
export async function startHttpProxy(
  dir: string,
  targets: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(join(__dirname, '_http-proxy-child.js'), [join(dir, 'http-proxy.log'), ...targets], {
    execArgv: [],
  });
  await pin(child.pid ?? 0, PROXY_CPU);
  const port = await new Promise<number>((resolve) =>
    child.once('message', (told) => resolve(told as number)),
  );
  return { child, port };
}

/** All threads of a process to one processor. */
export function pin(pid: number, cpu: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-a', '-p', '-c', String(cpu), String(pid)], { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}

/** Waits until it answers with the body. */
export async function answers(url: string, body: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const text = await new Promise<string>((resolve) => {
      get(url, { agent: false }, (response) => {
        let whole = '';
        response.on('data', (piece: Buffer) => {
          whole += piece.toString('latin1');
        });
        response.on('end', () => resolve(whole));
      }).on('error', () => resolve(''));
    });
    if (text === body) return;
    await new Promise((again) => setTimeout(again, 10));
  }
  throw new Error(`${url} does not answer as the backend does`);
}

/** A service as the server would tell it. */
export function benchService(
  name: string,
  servicePort: number,
  ports: readonly number[],
  more: Partial<Service>,
): Service {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return {
    appId: `/${name}` as Service['appId'],
    portIndex: 0,
    servicePort,
    mode: 'http',
    vhosts: [],
    bindPort: false,
    drainMs: 1_000,
    servers: ports.map((port, index) => ({
      name: `${name}-${index}`,
      taskId: `${name}.instance-${index}._app.1` as Service['servers'][number]['taskId'],
      host: '127.0.0.1',
      port,
      bootId,
    })),
    ...more,
  };
}

type OwnOptions = ConstructorParameters<typeof ProxyParent>[0];

const dist = (path: string): Promise<Record<string, unknown>> =>
  import(join(packageRoot(), 'dist', path)) as Promise<Record<string, unknown>>;

/** Our own proxy as it runs in production, its table read from the cache: no server is needed. */
export async function makeOwn(
  dir: string,
  services: readonly Service[],
  more: Partial<OwnOptions> = {},
): Promise<ProxyParent> {
  const { ProxyParent: Parent } = (await dist(
    'proxy/listeners/proxy-parent.js',
  )) as typeof import('../src/proxy/listeners/proxy-parent.js');
  const entry = join(packageRoot(), 'dist/proxy/worker-main.js');
  return new Parent({ ...(await ownOptions(dir, services, entry)), ...more });
}

/** The same, carried by HAProxy. */
export async function makeOwnHaproxy(dir: string, services: readonly Service[]): Promise<HaproxyParent> {
  const { HaproxyParent: Parent } = (await dist(
    'proxy/listeners/haproxy-parent.js',
  )) as typeof import('../src/proxy/listeners/haproxy-parent.js');
  return new Parent(await ownOptions(dir, services, join(packageRoot(), 'dist/proxy/haproxy-main.js')));
}

async function ownOptions(
  dir: string,
  services: readonly Service[],
  workerEntry: string,
): Promise<OwnOptions> {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const table: RoutingTable = {
    version: 1,
    epoch: 1,
    services: Object.fromEntries(services.map((each) => [`${each.appId}:${each.servicePort}`, each])),
  };
  mkdirSync(join(dir, 'proxy'), { recursive: true });
  writeFileSync(join(dir, 'proxy', 'table.json'), JSON.stringify({ format: 1, localBootId: bootId, table }));
  const { SystemClock } = (await dist('util/clock.js')) as typeof import('../src/util/clock.js');
  const { silentLog } = (await dist('logging/log.js')) as typeof import('../src/logging/log.js');
  return {
    workDir: dir,
    lbAddress: '127.0.0.1',
    lbHttpPort: 0,
    lbStatsPort: 0,
    workers: 1,
    workerEntry,
    execArgv: ['--max-semi-space-size=8'],
    serverUrl: () => 'http://127.0.0.1:1',
    token: 'unused',
    hostname: 'localhost',
    logLevel: 'error',
    clock: new SystemClock(),
    log: silentLog,
  };
}
