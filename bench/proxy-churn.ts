import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppId } from '../src/apps/app.js';
import type { ProxyParent } from '../src/proxy/listeners/proxy-parent.js';
import { answers, freePort, makeOwn, SMALL_BODY, startBackend } from './_lb-peers.js';
import { hostOf, LbWorld } from './_lb-world.js';
import { quantile, type Row, report } from './_report.js';
import { cpuSeconds, memoryMiB } from './_server.js';

/**
 * The table of 1 000 apps with 10 instances each, in the server's real control and the real workers of two proxies, while
 * instances come and go: how long from "healthy" to the first request, and from "kill wanted" to un-routed everywhere; what a
 * change costs; what servers and idle connections take, beside HAProxy. Needs `haproxy` and `taskset`.
 * Usage: npm run bench -- proxy-churn [--apps N] [--changes N] [--connections N]
 */
const PROXIES = 2;
const INSTANCES = 10;
const LARGE_APP = 500;
/** Changes elsewhere while latencies are measured. */
const BACKGROUND_PERIOD_MS = 50;

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}
const APPS = option('apps', 1_000);
const CHANGES = option('changes', 500);
const CONNECTIONS = option('connections', 4_000);

/** One connection that asks for a host again and again. */
class Asker {
  #got: ((status: string) => void) | undefined;

  private constructor(readonly socket: Socket) {
    let text = '';
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(text)?.[1];
      if (head < 0 || length === undefined || text.length < head + 4 + Number(length)) return;
      const status = text.slice(9, 12);
      text = '';
      this.#got?.(status);
    });
  }

  static async to(port: number): Promise<Asker> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((connected, failed) => {
      socket.once('connect', connected);
      socket.once('error', failed);
    });
    return new Asker(socket);
  }

  ask(host: string): Promise<string> {
    this.socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return new Promise((got) => {
      this.#got = got;
    });
  }

  /** When the first 200 came, to a millisecond: asking without a pause would keep the very processors busy that it waits for. */
  async untilServed(host: string): Promise<number> {
    while ((await this.ask(host)) !== '200') await new Promise((again) => setTimeout(again, 1));
    return performance.now();
  }
}

async function startProxies(dir: string, world: LbWorld, url: string): Promise<readonly Proxy[]> {
  const started: Proxy[] = [];
  for (let n = 0; n < PROXIES; n++) {
    const own = join(dir, `proxy-${n}`);
    mkdirSync(own);
    const parent = await makeOwn(own, [], { serverUrl: () => url, token: world.token });
    const { lbUrl, pids } = await parent.start();
    started.push({ parent, port: Number(new URL(lbUrl).port), pid: pids[0] ?? 0 });
  }
  return started;
}

interface Proxy {
  readonly parent: ProxyParent;
  readonly port: number;
  readonly pid: number;
}

/** From "healthy" to an answer by every proxy, and from "kill wanted" to the word of every proxy, one instance after another. */
async function latencies(world: LbWorld, proxies: readonly Proxy[], apps: readonly AppId[], port: number) {
  const askers = await Promise.all(proxies.map((proxy) => Asker.to(proxy.port)));
  const probe = world.app('/probe', (await freePort()) || 1, 1);
  await world.confirmed(PROXIES);
  let next = 0;
  const background = setInterval(
    () => replaceOne(world, apps[next++ % apps.length], port),
    BACKGROUND_PERIOD_MS,
  );
  const servedMs: number[] = [];
  const unroutedMs: number[] = [];
  for (let change = 0; change < CHANGES; change++) {
    const served = askers.map((asker) => asker.untilServed(hostOf(probe)));
    await new Promise((settled) => setTimeout(settled, 3 + (change % 5)));
    const healthyMs = performance.now();
    const instance = world.add(probe, port);
    servedMs.push(Math.max(...(await Promise.all(served))) - healthyMs);
    const wantedMs = performance.now();
    await world.control.drain(instance, new AbortController().signal);
    unroutedMs.push(performance.now() - wantedMs);
    world.remove(instance);
  }
  clearInterval(background);
  for (const { socket } of askers) socket.destroy();
  return { servedMs, unroutedMs };
}

/** The oldest instance makes room for a new one. */
function replaceOne(world: LbWorld, appId: AppId | undefined, port: number): void {
  const oldest = appId && world.oldest(appId);
  if (!oldest) return;
  world.remove(oldest);
  world.add(oldest.appId, port);
}

/** CPU of the server's process and of one proxy's for one change, in ms. */
async function costOfChange(world: LbWorld, proxies: readonly Proxy[], apps: readonly AppId[], port: number) {
  const [proxy] = proxies;
  await world.confirmed(PROXIES);
  const before = { own: process.cpuUsage(), proxy: cpuSeconds(proxy?.pid) };
  for (let change = 0; change < CHANGES; change++) {
    const { acked } = world;
    replaceOne(world, apps[change % apps.length], port);
    await world.confirmedAfter(acked);
  }
  const { user, system } = process.cpuUsage(before.own);
  return {
    serverMs: (user + system) / 1_000 / CHANGES,
    proxyMs: ((cpuSeconds(proxy?.pid) - before.proxy) * 1_000) / CHANGES,
  };
}

/** MiB that so many connections take that have had an answer each and wait. */
async function idleMiB(pid: number, port: number, host: string): Promise<number> {
  const first = await Asker.to(port);
  await first.ask(host);
  await settled();
  const beforeMiB = memoryMiB(pid, 'VmRSS');
  const open: Asker[] = [first];
  while (open.length < CONNECTIONS) {
    const asker = await Asker.to(port);
    await asker.ask(host);
    open.push(asker);
  }
  await settled();
  const tookMiB = memoryMiB(pid, 'VmRSS') - beforeMiB;
  for (const { socket } of open) socket.destroy();
  return tookMiB;
}

function settled(): Promise<void> {
  return new Promise((quiet) => setTimeout(quiet, 1_500));
}

/** An HAProxy with as many backends and servers; its virtual hosts in a map, as marathon-lb writes it. */
async function startHaproxy(
  dir: string,
  apps: number,
  backend: number,
): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort();
  const lines = ['global', ` maxconn ${CONNECTIONS + 100}`, ' nbthread 1', 'defaults', ' mode http'];
  lines.push(' timeout connect 3s', ' timeout client 60s', ' timeout server 60s');
  lines.push('frontend all', ` bind 127.0.0.1:${port}`);
  lines.push(` use_backend %[req.hdr(host),lower,map(${join(dir, `hosts-${apps}.map`)},app-0)]`);
  const hosts: string[] = [];
  for (let app = 0; app < Math.max(1, apps); app++) {
    hosts.push(`${hostOf(`/app-${app}`)} app-${app}`);
    lines.push(`backend app-${app}`);
    for (let n = 0; n < (apps === 0 ? 1 : INSTANCES); n++) lines.push(` server s${n} 127.0.0.1:${backend}`);
  }
  writeFileSync(join(dir, `hosts-${apps}.map`), `${hosts.join('\n')}\n`);
  writeFileSync(join(dir, `haproxy-${apps}.cfg`), `${lines.join('\n')}\n`);
  const child = spawn('haproxy', ['-db', '-f', join(dir, `haproxy-${apps}.cfg`)], { stdio: 'inherit' });
  await answers(`http://127.0.0.1:${port}/`, SMALL_BODY);
  return { child, port };
}

async function measureHaproxy(
  dir: string,
  backend: number,
): Promise<{ serversMiB: number; idleMiB: number }> {
  const empty = await startHaproxy(dir, 0, backend);
  const full = await startHaproxy(dir, APPS, backend);
  const rss = ({ child }: { child: ChildProcess }): number => memoryMiB(child.pid, 'VmRSS');
  await settled();
  const serversMiB = rss(full) - rss(empty);
  const idle = await idleMiB(full.child.pid ?? 0, full.port, hostOf('/app-0'));
  for (const { child } of [empty, full]) child.kill();
  return { serversMiB, idleMiB: idle };
}

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-bench-churn-'));
  const backendPort = await freePort();
  const backend = startBackend(dir, 'backend', backendPort);
  await answers(`http://127.0.0.1:${backendPort}/`, SMALL_BODY);
  const world = new LbWorld();
  const url = await world.start();
  let proxies: readonly Proxy[] = [];
  try {
    proxies = await startProxies(dir, world, url);
    await world.confirmed(PROXIES);
    await settled();
    const pid = proxies[0]?.pid ?? 0;
    const emptyMiB = memoryMiB(pid, 'VmRSS');
    const startedMs = performance.now();
    // Service ports below those that the kernel gives away.
    const apps = Array.from({ length: APPS }, (_, n) => world.app(`/app-${n}`, 20_000 + n, INSTANCES));
    for (const app of apps) for (let n = 0; n < INSTANCES; n++) world.add(app, backendPort);
    await world.confirmed(PROXIES);
    const tableMs = performance.now() - startedMs;
    await settled();
    const serversMiB = memoryMiB(pid, 'VmRSS') - emptyMiB;
    const { servedMs, unroutedMs } = await latencies(world, proxies, apps, backendPort);
    const small = await costOfChange(world, proxies, apps, backendPort);
    const large = world.app('/large', 20_000 + APPS, LARGE_APP);
    for (let n = 0; n < LARGE_APP; n++) world.add(large, backendPort);
    const big = await costOfChange(world, proxies, [large], backendPort);
    const idle = await idleMiB(pid, proxies[0]?.port ?? 0, hostOf('/app-0'));
    const haproxy = await measureHaproxy(dir, backendPort);
    const perThousand = (APPS * INSTANCES) / 1_000;
    const rows: Row[] = [
      {
        what: `table of ${APPS} apps x ${INSTANCES} in force in ${PROXIES} proxies`,
        value: tableMs,
        unit: 'ms',
      },
      { what: 'healthy to the first request, p50', value: quantile(servedMs, 0.5), unit: 'ms' },
      {
        what: 'healthy to the first request at every proxy, p99',
        value: quantile(servedMs, 0.99),
        unit: 'ms',
        target: '20',
      },
      { what: 'kill wanted to un-routed everywhere, p50', value: quantile(unroutedMs, 0.5), unit: 'ms' },
      {
        what: 'kill wanted to un-routed everywhere, p99',
        value: quantile(unroutedMs, 0.99),
        unit: 'ms',
        target: '20',
      },
      { what: 'a replaced instance, app of 10: CPU of the server', value: small.serverMs, unit: 'ms' },
      { what: 'a replaced instance, app of 10: CPU of a proxy', value: small.proxyMs, unit: 'ms' },
      {
        what: `a replaced instance, app of ${LARGE_APP}: CPU of the server`,
        value: big.serverMs,
        unit: 'ms',
      },
      { what: `a replaced instance, app of ${LARGE_APP}: CPU of a proxy`, value: big.proxyMs, unit: 'ms' },
      { what: 'memory of 1 000 servers: longrun', value: serversMiB / perThousand, unit: 'MiB' },
      { what: 'memory of 1 000 servers: haproxy', value: haproxy.serversMiB / perThousand, unit: 'MiB' },
      { what: 'memory of an idle connection: longrun', value: (idle * 1_024) / CONNECTIONS, unit: 'KiB' },
      {
        what: 'memory of an idle connection: haproxy',
        value: (haproxy.idleMiB * 1_024) / CONNECTIONS,
        unit: 'KiB',
      },
    ];
    report('proxy-churn', rows);
  } finally {
    await Promise.all(proxies.map(({ parent }) => parent.stop({ leaveWorkers: false })));
    world.stop();
    backend.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
