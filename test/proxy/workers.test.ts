import { fork } from 'node:child_process';
import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encrypt } from 'unixcrypt';
import { silentLog } from '../../src/logging/log.js';
import { ProxyControl } from '../../src/proxy/control.js';
import { ProxyParent, type ProxyStarted } from '../../src/proxy/listeners/proxy-parent.js';
import {
  type FromProxy,
  PROXY_LINE_PATH,
  PROXY_PROTOCOL_VERSION,
  type Service,
  type ToProxy,
} from '../../src/proxy/table.js';
import { PasswordThread } from '../../src/proxy/worker/password-thread.js';
import { SystemClock } from '../../src/util/clock.js';
import { LineServer } from '../../src/util/line/line-server.js';
import { bootId } from '../../src/util/process-identity.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { PortBlock } from '../e2e/support/port-block.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, RawClient, get as rawGet, serverAt, service } from './rig.js';
import { Transpiled } from './transpiled.js';
import { instance, record, World } from './world.js';

/** Real processes start several times in one test, and the machine may be busy. */
jest.setTimeout(120_000);

let built: Transpiled;
let ports: PortBlock;
let nextPort = 0;
let workDir: string;
let backend: Backend;
let servicePort: number;
const parents: ProxyParent[] = [];
const strays = new Set<number>();
const ears: DatagramSocket[] = [];

beforeAll(() => {
  built = new Transpiled();
  ports = PortBlock.take();
});
afterAll(() => {
  built.remove();
  ports.release();
});

beforeEach(async () => {
  workDir = mkdtempSync(join(tmpdir(), 'longrun-workers-'));
  backend = await Backend.answering('served');
  servicePort = freePort();
});
afterEach(async () => {
  await Promise.all(parents.splice(0).map((parent) => parent.stop({ leaveWorkers: false })));
  for (const pid of strays) kill(pid);
  strays.clear();
  for (const socket of ears.splice(0)) socket.close();
  await backend.close();
  rmSync(workDir, { recursive: true, force: true });
});

/** Not one that the kernel may give to somebody else's connection or server meanwhile. */
function freePort(): number {
  nextPort += 1;
  return ports.first + (nextPort % 200);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A socket that hears datagrams until the test is over. */
async function datagrams(
  heard: (text: string, socket: DatagramSocket, from: RemoteInfo) => void,
): Promise<DatagramSocket> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => heard(bytes.toString(), socket, from));
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  ears.push(socket);
  return socket;
}

/** The table that a worker finds on disk. */
function cacheTable(services: readonly Service[], localBootId = bootId()): void {
  mkdirSync(join(workDir, 'proxy'), { recursive: true });
  const table = {
    epoch: 1,
    version: 1,
    services: Object.fromEntries(services.map((each) => [`${each.appId}:${each.servicePort}`, each])),
  };
  writeFileSync(join(workDir, 'proxy', 'table.json'), JSON.stringify({ format: 1, localBootId, table }));
}

function cached(): void {
  cacheTable([service([{ ...serverAt(backend.port), bootId: bootId() }], { servicePort })]);
}

function options(
  over: Partial<ConstructorParameters<typeof ProxyParent>[0]> = {},
): ConstructorParameters<typeof ProxyParent>[0] {
  return {
    workDir,
    lbAddress: '127.0.0.1',
    lbHttpPort: 0,
    lbStatsPort: 0,
    workers: 1,
    workerEntry: built.workerEntry,
    execArgv: [],
    serverUrl: () => 'http://127.0.0.1:1',
    token: 'token',
    hostname: 'node.test',
    logLevel: 'warn',
    clock: new SystemClock(),
    log: silentLog,
    ...over,
  };
}

async function start(
  over: Partial<ConstructorParameters<typeof ProxyParent>[0]> = {},
): Promise<{ parent: ProxyParent; started: ProxyStarted }> {
  const parent = new ProxyParent(options(over));
  parents.push(parent);
  return { parent, started: await parent.start() };
}

/** One request over a connection of its own. */
/** `host`: empty for the address itself. */
function ask(port: number, path = '/', host = 'web.test'): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path,
        agent: new Agent({ keepAlive: false }),
        headers: host === '' ? {} : { host },
      },
      (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => {
          text += piece.toString();
        });
        response.on('end', () => resolve(`${response.statusCode} ${text}`));
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

/** Asks without pause on fresh connections until `stop`; counts what happened by kind. */
function load(port: number): { stop: () => Promise<Record<string, number>> } {
  const counts: Record<string, number> = {};
  let on = true;
  const loop = async (): Promise<void> => {
    while (on) {
      const kind = await ask(port).then(
        (text) => (text === '200 served' ? 'ok' : text),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  };
  const loops = [loop(), loop(), loop(), loop()];
  return {
    stop: async () => {
      on = false;
      await Promise.all(loops);
      return counts;
    },
  };
}

const portOf = (url: string): number => Number(new URL(url).port);

describe('a worker without a server', () => {
  it('serves by its last table: virtual hosts, service ports, statistics', async () => {
    cached();
    const { started } = await start();
    expect(await ask(portOf(started.lbUrl))).toBe('200 served');
    await waitFor(async () => (await ask(servicePort).catch(() => '')) === '200 served');
    const csv = await ask(portOf(started.statsUrl), '/haproxy?stats;csv', '');
    expect(csv).toMatch(/^200 # pxname,svname,/);
    expect(csv).toContain(`\nshop_web_${servicePort},BACKEND,`);
    expect(await ask(portOf(started.statsUrl), '/_haproxy_health_check', '')).toMatch(/^200 /);
    expect(await ask(portOf(started.statsUrl), '/metrics', '')).toContain(
      `haproxy_backend_sessions_total{proxy="shop_web_${servicePort}"} 2`,
    );
  });

  it('finds apps by a header, and binds a service port where its app says', async () => {
    cacheTable([
      service([{ ...serverAt(backend.port), bootId: bootId() }], { servicePort, bindAddress: '127.0.0.2' }),
    ]);
    const { started } = await start({ lbAppIdPort: 0 });
    const port = portOf(started.appIdUrl ?? '');
    const to = async (host: string, at: number, appId?: string): Promise<number> =>
      (await fetch(`http://${host}:${at}/`, { headers: appId ? { 'X-Marathon-App-Id': appId } : {} })).status;
    expect(await to('127.0.0.1', port, '/Shop/web')).toBe(200);
    expect(await to('127.0.0.1', port, '/shop/other')).toBe(404);
    expect(await to('127.0.0.1', port)).toBe(404);
    let last: unknown;
    const served = async (): Promise<boolean> => {
      last = await to('127.0.0.2', servicePort).catch((error: Error) => error.cause ?? error);
      return last === 200;
    };
    const logged = (): string => readFileSync(join(workDir, 'proxy', 'worker.log'), 'utf8');
    await waitFor(served, { what: () => `200; there was ${String(last)}; the worker said ${logged()}` });
    await expect(to('127.0.0.1', servicePort)).rejects.toThrow();
  });

  it('tells marathon-lb’s readers what it serves, and refuses its signals', async () => {
    cached();
    const { parent, started } = await start();
    const stats = (path: string): Promise<string> => ask(portOf(started.statsUrl), path, '');
    expect(await stats('/_haproxy_getvhostmap')).toBe(`200 web.test shop_web_${servicePort}\n`);
    expect(await stats('/_haproxy_getappmap')).toBe(`200 /shop/web shop_web_${servicePort}\n`);
    expect(await stats('/_haproxy_getpids')).toBe(`200 ${Math.min(...parent.pids())}\n`);
    const config = await stats('/_haproxy_getconfig');
    expect(config).toContain(`\nfrontend marathon_http_in\n  bind *:${portOf(started.lbUrl)}\n  mode http\n`);
    expect(config).toContain(
      `\nbackend shop_web_${servicePort}\n  balance roundrobin\n  mode http\n  server localhost_127_0_0_1_${backend.port} 127.0.0.1:${backend.port}\n`,
    );
    expect(await stats('/_mlb_signal/hup')).toMatch(/^401 /);
  });

  it('does not trust servers of this host that were cached before a reboot', async () => {
    cacheTable(
      [service([{ ...serverAt(backend.port), bootId: 'boot-before' }], { servicePort })],
      'boot-before',
    );
    const { started } = await start();
    expect(await ask(portOf(started.lbUrl))).toMatch(/^503 /);
  });
});

describe('a worker that is killed', () => {
  it('is replaced; no connection is refused meanwhile, on the vhost port and on service ports', async () => {
    cached();
    const { parent, started } = await start();
    await waitFor(async () => (await ask(servicePort).catch(() => '')) === '200 served');
    const [vhost, own] = [load(portOf(started.lbUrl)), load(servicePort)];
    for (let round = 0; round < 3; round++) {
      const [pid] = parent.pids();
      await new Promise((later) => setTimeout(later, 150));
      kill(pid ?? 0);
      await waitFor(() => parent.pids().length === 1 && parent.pids()[0] !== pid);
      await ask(portOf(started.lbUrl));
    }
    for (const counts of [await vhost.stop(), await own.stop()]) {
      expect(counts['ECONNREFUSED']).toBeUndefined();
      // Only what the dead workers held in their hands may fail: four loops, three deaths.
      const failed = Object.entries(counts)
        .filter(([kind]) => kind !== 'ok')
        .reduce((sum, [, count]) => sum + count, 0);
      expect(failed).toBeLessThanOrEqual(12);
      expect(Object.keys(counts).filter((kind) => !['ok', 'ECONNRESET'].includes(kind))).toEqual([]);
      expect(counts['ok']).toBeGreaterThan(20);
    }
  });

  it('leaves datagrams waiting for its successor', async () => {
    const echo = await datagrams((text, socket, from) => socket.send(`re:${text}`, from.port, from.address));
    const got: string[] = [];
    const client = await datagrams((text) => got.push(text));
    cacheTable([
      service([{ ...serverAt(echo.address().port), bootId: bootId() }], {
        servicePort,
        mode: 'tcp',
        vhosts: [],
        udp: 'only',
      }),
    ]);
    const { parent } = await start();
    const says = (text: string): void => client.send(text, servicePort, '127.0.0.1');
    await waitFor(
      () => {
        says('first');
        return got.includes('re:first');
      },
      { timeoutMs: 20_000, what: 'the first answer' },
    );
    const [pid = 0] = parent.pids();
    kill(pid);
    await waitFor(() => !alive(pid), { timeoutMs: 20_000, what: 'the end of the worker' });
    // Said once, while nobody reads.
    says('meanwhile');
    await waitFor(() => got.includes('re:meanwhile'), {
      timeoutMs: 20_000,
      what: 'the answer of the next one',
    });
  });

  it('is one of several: the others serve on and report together', async () => {
    cached();
    const { parent, started } = await start({ workers: 2 });
    expect(parent.pids()).toHaveLength(2);
    for (let i = 0; i < 40; i++) expect(await ask(portOf(started.lbUrl))).toBe('200 served');
    const csv = await ask(portOf(started.statsUrl), '/haproxy?stats;csv', '');
    const row = csv
      .split('\n')
      .find((line) => line.startsWith(`shop_web_${servicePort},BACKEND,`))
      ?.split(',');
    expect(row?.[7]).toBe('40');
  });
});

describe('a parent that is killed', () => {
  it('leaves its workers serving, and the next one takes over on the same ports', async () => {
    cached();
    const child = fork(join(built.dir, 'parent.mjs'), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const { clock, log, serverUrl, ...plain } = options();
    void [clock, log, serverUrl];
    child.send(plain);
    const first = await new Promise<ProxyStarted>((resolve) =>
      child.once('message', (message) => resolve(message as ProxyStarted)),
    );
    for (const pid of first.pids) strays.add(pid);
    const port = portOf(first.lbUrl);
    await waitFor(async () => (await ask(servicePort).catch(() => '')) === '200 served');
    const held = await RawClient.to(port);
    await held.send(rawGet()).sees('served');

    const during = load(port);
    await new Promise((later) => setTimeout(later, 100));
    child.kill('SIGKILL');
    await new Promise((gone) => child.once('exit', gone));
    await new Promise((later) => setTimeout(later, 200));
    const afterDeath = await during.stop();
    expect(Object.keys(afterDeath)).toEqual(['ok']);
    expect(first.pids.every(alive)).toBe(true);

    const second = await start();
    expect(second.started.lbUrl).toBe(first.lbUrl);
    expect(second.started.statsUrl).toBe(first.statsUrl);
    expect(await ask(port)).toBe('200 served');
    await waitFor(async () => (await ask(servicePort).catch(() => '')) === '200 served');
    // The old worker still answers the connection that it holds, says goodbye, and ends.
    expect(await held.send(rawGet()).seesEnd()).toMatch(/Connection: close\r\n\r\nserved$/);
    await waitFor(() => !first.pids.some(alive), { timeoutMs: 20_000 });
  });

  beforeAll(() => {
    writeFileSync(
      join(built.dir, 'parent.mjs'),
      `import { ProxyParent } from './proxy/listeners/proxy-parent.js';
import { SystemClock } from './util/clock.js';
import { silentLog } from './logging/log.js';
process.on('message', async (plain) => {
  const parent = new ProxyParent({ ...plain, serverUrl: () => 'http://127.0.0.1:1', clock: new SystemClock(), log: silentLog });
  process.send(await parent.start());
});
`,
    );
  });

  it('and whose work dir is gone takes its workers along', async () => {
    const { parent, started } = await start();
    for (const pid of started.pids) strays.add(pid);
    await parent.stop({ leaveWorkers: true });
    parents.splice(0);
    expect(started.pids.every(alive)).toBe(true);
    rmSync(workDir, { recursive: true, force: true });
    await waitFor(() => !started.pids.some(alive), { timeoutMs: 10_000 });
  });
});

describe('the thread that checks passwords', () => {
  it('answers one question after another, and refuses hashes that would take for ever', async () => {
    const clock = new VirtualClock();
    const thread = new PasswordThread(join(built.dir, 'proxy', 'password-thread-main.js'), clock);
    const hash = encrypt('secret', '$6$rounds=1000$salt');
    expect([
      await thread.verify('secret', hash),
      await thread.verify('wrong', hash),
      await thread.verify('secret', hash),
    ]).toEqual([true, false, true]);
    await expect(thread.verify('x', '$1$nothing')).rejects.toThrow('Only sha256 and sha512');
    await expect(thread.verify('x', '$6$rounds=100001$salt$x')).rejects.toThrow('more than 100000 rounds');
    expect(await thread.verify('secret', hash)).toBe(true);
    thread.stop();
  });
});

describe('a busy port', () => {
  it('of the load balancer itself is a start error that names the owner and the flag', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => taken.once('listening', listening));
    const { port } = taken.address() as { port: number };
    await expect(start({ lbHttpPort: port })).rejects.toThrow(
      new RegExp(`port ${port} is taken by .*pid ${process.pid}.*--lb-http-port`),
    );
    taken.close();
  });

  it('for requests that name their app never ends a start', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => taken.once('listening', listening));
    cached();
    const { started } = await start({ lbAppIdPort: (taken.address() as { port: number }).port });
    expect(started.appIdUrl).toBeUndefined();
    expect(await ask(portOf(started.lbUrl))).toBe('200 served');
    taken.close();
  });

  it('of a service is not served with the reason, and served once it is free', async () => {
    const taken = createServer().listen(servicePort, '127.0.0.1');
    await new Promise((listening) => taken.once('listening', listening));
    cached();
    const { started } = await start();
    expect(await ask(portOf(started.lbUrl))).toBe('200 served');
    const page = await waitFor(async () => {
      const text = await ask(portOf(started.statsUrl), '/haproxy?stats', '');
      return text.includes('not served') && text;
    });
    expect(page).toMatch(new RegExp(`port ${servicePort} is taken by [^<]*pid ${process.pid}`));
    await new Promise((closed) => taken.close(closed));
    await waitFor(async () => (await ask(servicePort).catch(() => '')) === '200 served');
  });
});

describe('workers and the server', () => {
  let server: Server;
  let lines: LineServer<FromProxy, ToProxy>;
  let control: ProxyControl;
  const world = new World();

  let slow: Backend;

  afterEach(async () => {
    await slow.close();
    control.stop();
    lines.close();
    server.close();
  });

  it('agree on tables, drains and ports end to end', async () => {
    const clock = new SystemClock();
    control = new ProxyControl({
      registry: world.registry,
      instances: world.instances,
      bootId: () => bootId(),
      epoch: 3,
      clock,
      log: silentLog,
      memory: { load: () => [], save: () => undefined },
    });
    lines = new LineServer<FromProxy, ToProxy>({
      path: PROXY_LINE_PATH,
      token: 'token',
      protocolVersion: PROXY_PROTOCOL_VERSION,
      clock,
      log: silentLog,
      onLine: (line) => control.acceptLine(line),
    });
    server = createServer();
    server.on('upgrade', (asked, socket, head) => void lines.upgrade(asked, socket, head));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as { port: number };
    const at = (name: string, hostPort: number) => {
      const one = instance('/web', name, hostPort);
      return {
        ...one,
        ...(one.task
          ? { task: { ...one.task, ipAddresses: [{ ipAddress: '127.0.0.1', protocol: 'IPv4' as const }] } }
          : {}),
      };
    };
    let release: (() => void) | undefined;
    slow = await Backend.start((socket) => {
      release = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow');
    });
    const first = at('one', slow.port);
    world.want(
      record({
        id: '/web',
        labels: { HAPROXY_0_VHOST: 'web.test' },
        portDefinitions: [{ port: servicePort, protocol: 'tcp' }],
      }),
    );
    world.put(first);
    control.start();
    const { started } = await start({ serverUrl: () => `http://127.0.0.1:${port}`, workers: 2 });
    await waitFor(() => control.stats().filter(({ acked }) => acked > 0).length === 2);
    const inFlight = ask(portOf(started.lbUrl));
    await waitFor(() => slow.received.includes('GET'));

    const inForce = (servers: number): boolean =>
      control.table().services[`/web:${servicePort}`]?.servers.length === servers &&
      control.stats().every(({ acked }) => acked === control.table().version);
    world.put(at('two', backend.port));
    await waitFor(() => inForce(2));
    world.put({ ...first, takingOut: { reason: 'scale down', since: first.since, phase: 'draining' } });
    let drained = false;
    const drain = control.drain(first, new AbortController().signal).then((result) => {
      drained = true;
      return result;
    });
    await waitFor(() => inForce(1));
    expect(drained).toBe(false);
    for (let i = 0; i < 10; i++) expect(await ask(portOf(started.lbUrl))).toBe('200 served');
    expect(drained).toBe(false);
    release?.();
    expect(await inFlight).toBe('200 slow');
    expect((await drain).inFlight).toBe(0);
    expect(slow.received.split('GET').length).toBe(2);
    await waitFor(() => existsSync(join(workDir, 'proxy', 'table.json')));
  });
});
