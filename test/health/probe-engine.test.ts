import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { ProbeResult, ProbeTarget } from '../../src/health/health.js';
import type { ProbeOutcome } from '../../src/health/probe.js';
import { ProbeEngine, type ProbeEngineOptions } from '../../src/health/probe-engine.js';
import { SystemClock } from '../../src/util/clock.js';
import { SeededDice } from '../../src/util/ids.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

const servers: Server[] = [];
const sockets = new Set<Socket>();
const engines: ProbeEngine[] = [];

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return (server.address() as AddressInfo).port;
}

/** A server that says `text` when it has heard something, and keeps the connection. */
const says = (text: string): Promise<number> =>
  listening(createTcpServer((socket) => socket.once('data', () => socket.write(text))));

function target(port: number, more: Partial<ProbeTarget> = {}): ProbeTarget {
  return {
    key: 'k',
    protocol: 'HTTP',
    host: '127.0.0.1',
    port,
    path: '/',
    intervalMs: 10_000,
    timeoutMs: 5_000,
    eager: true,
    ...more,
  };
}

function engineFor(more: Partial<ProbeEngineOptions> & Pick<ProbeEngineOptions, 'onResult'>): ProbeEngine {
  const engine = new ProbeEngine({ clock: new SystemClock(), dice: new SeededDice(1), ...more });
  engines.push(engine);
  return engine;
}

/** The first result that a target gives. */
function firstResult(of: ProbeTarget): Promise<ProbeResult> {
  return new Promise((onResult) => engineFor({ onResult }).add(of));
}

afterEach(async () => {
  for (const engine of engines.splice(0)) engine.stop();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed))));
});

describe('a probe over HTTP', () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [503, false],
  ])('status %i counts as success: %s; redirects are not followed', async (status, ok) => {
    const seen: string[] = [];
    const port = await listening(
      createHttpServer((request, response) => {
        seen.push(`${request.method} ${request.url}`);
        response.writeHead(status, { Location: '/elsewhere' }).end();
      }),
    );
    const result = await firstResult(target(port, { path: '/health?x=1' }));
    expect(result).toMatchObject({ key: 'k', ok, ...(ok ? {} : { cause: `status ${status}` }) });
    expect(seen).toEqual(['GET /health?x=1']);
  });

  it('a server that hangs after accepting, trickles its head, or resets, fails in time and with its cause', async () => {
    const hanging = await listening(createTcpServer(() => undefined));
    const trickling = await listening(
      createTcpServer((socket) => {
        const drip = setInterval(() => socket.write('H'), 20);
        socket.on('close', () => clearInterval(drip));
      }),
    );
    const slow = await says('HTTP/1.1 200 OK\r\nX-Slow: ');
    const resetting = await listening(
      createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    const closed = await listening(createTcpServer());
    await new Promise((done) => servers.pop()?.close(done));
    const results = await Promise.all([
      ...[hanging, trickling, slow].map((port) => firstResult(target(port, { timeoutMs: 300 }))),
      ...[resetting, closed].map((port) => firstResult(target(port, { timeoutMs: 20_000 }))),
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([false, false, false, false, false]);
    expect(results[0]?.cause).toBe('timed out after 0.3 s');
    expect(results[2]?.cause).toBe('timed out after 0.3 s');
    expect(results[3]?.cause).toBe(`connection to 127.0.0.1:${resetting} reset`);
    expect(results[4]?.cause).toBe(`connection to 127.0.0.1:${closed} refused`);
    expect(results[0]?.elapsedMs).toBeGreaterThanOrEqual(290);
  });

  it('an informational answer is followed by the final one; alone it says nothing when the check wants so', async () => {
    const port = await says(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    );
    expect((await firstResult(target(port))).ok).toBe(true);
    const upgrading = await says(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    );
    expect(await firstResult(target(upgrading))).toMatchObject({ ok: false, cause: 'status 101' });
    const results: ProbeResult[] = [];
    const engine = engineFor({ onResult: (result) => results.push(result) });
    engine.add(target(upgrading, { key: 'ignoring', ignoreHttp1xx: true }));
    await firstResult(target(upgrading));
    await firstResult(target(upgrading));
    expect(results).toEqual([]);
  });

  it('keeps status, type and the beginning of the body when asked, also when the body never ends', async () => {
    const port = await listening(
      createHttpServer((_request, response) => {
        response.writeHead(201, { 'Content-Type': 'text/plain' });
        response.write('x'.repeat(3_000));
        response.write('y'.repeat(3_000));
      }),
    );
    const result = await firstResult(target(port, { keepResponse: true, successStatuses: [201] }));
    expect(result).toMatchObject({ ok: true, response: { status: 201, contentType: 'text/plain' } });
    expect(result.response?.body).toBe(`${'x'.repeat(3_000)}${'y'.repeat(1_096)}`);
    const stuck = await says('HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/html\r\n\r\nhalf');
    const late = await firstResult(target(stuck, { keepResponse: true, timeoutMs: 1_500 }));
    expect(late).toMatchObject({
      ok: true,
      response: { status: 200, contentType: 'text/html', body: 'half' },
    });
  });

  it('a path that no request may hold is a failure, not a crash', async () => {
    expect(await firstResult(target(1, { path: '/a b\u0001' }))).toMatchObject({ ok: false });
  });
});

describe('a probe over TCP', () => {
  it('succeeds by connecting and fails when refused', async () => {
    const port = await listening(createTcpServer());
    expect(await firstResult(target(port, { protocol: 'TCP' }))).toMatchObject({ ok: true });
    await new Promise((done) => servers.pop()?.close(done));
    expect(await firstResult(target(port, { protocol: 'TCP' }))).toMatchObject({
      ok: false,
      cause: `connection to 127.0.0.1:${port} refused`,
    });
  });
});

describe('the probe engine', () => {
  /** An engine on virtual time whose probes take `tookMs` and end as `outcome` says. */
  function simulated(outcome: (target: ProbeTarget) => ProbeOutcome, tookMs = 1, concurrency = 256) {
    const clock = new VirtualClock();
    const results: { atMs: number; key: string; ok: boolean }[] = [];
    const state = { inFlight: 0, most: 0 };
    const engine = new ProbeEngine({
      clock,
      dice: new SeededDice(7),
      concurrency,
      onResult: ({ key, ok }) => results.push({ atMs: clock.monotonicMs(), key, ok }),
      probe: (of, done) => {
        state.inFlight++;
        state.most = Math.max(state.most, state.inFlight);
        let over = false;
        const end = (): void => {
          if (!over) state.inFlight--;
          over = true;
        };
        const timer = clock.after(tookMs, () => {
          end();
          done(outcome(of));
        });
        return {
          cancel: () => {
            end();
            timer.cancel();
          },
          timedOut: () => ({ kind: 'failed', cause: 'timed out' }),
        };
      },
    });
    engines.push(engine);
    return { clock, engine, results, state };
  }

  it('probes an eager target at once and ever more slowly until it works, then at its interval', () => {
    let up = false;
    const { clock, engine, results } = simulated(() =>
      up ? { kind: 'ok' } : { kind: 'failed', cause: 'no' },
    );
    engine.add(target(1, { intervalMs: 2_000 }));
    clock.advance(400);
    up = true;
    clock.advance(6_000);
    const times = results.map(({ atMs }) => Math.round(atMs));
    expect(times.slice(0, 5)).toEqual([1, 52, 153, 354, 755]);
    expect(results.map(({ ok }) => ok).slice(0, 5)).toEqual([false, false, false, false, true]);
    for (let i = 5; i < times.length; i++) {
      const gap = (times[i] ?? 0) - (times[i - 1] ?? 0);
      expect([gap >= 1_899, gap <= 2_101]).toEqual([true, true]);
    }
    expect(times.length).toBeGreaterThanOrEqual(7);
  });

  it('never has more probes under way than allowed, and everybody gets a turn', () => {
    const { clock, engine, results, state } = simulated(() => ({ kind: 'ok' }), 100, 10);
    for (let n = 0; n < 200; n++) engine.add(target(1, { key: `k${n}` }));
    clock.advance(3_000);
    expect(state.most).toBe(10);
    expect(new Set(results.map(({ key }) => key)).size).toBe(200);
    expect(results).toHaveLength(200);
  });

  it('spreads a thousand known targets instead of asking all at once', () => {
    const { clock, engine, results } = simulated(() => ({ kind: 'ok' }));
    for (let n = 0; n < 1_000; n++) engine.add(target(1, { key: `k${n}`, eager: false, intervalMs: 10_000 }));
    clock.advance(10_000);
    const perSecond = Array.from(
      { length: 5 },
      (_, s) => results.filter(({ atMs }) => Math.floor(atMs / 1_000) === s).length,
    );
    for (const count of perSecond) expect([count > 130, count < 270]).toEqual([true, true]);
  });

  it('tells nothing of a target after its removal, frees its room, and nothing at all after stop', () => {
    const { clock, engine, results, state } = simulated(() => ({ kind: 'ok' }), 100, 2);
    for (const key of ['a', 'b', 'c', 'd']) engine.add(target(1, { key }));
    clock.advance(50);
    engine.remove('a');
    engine.remove('c');
    clock.advance(300);
    expect(results.map(({ key }) => key)).toEqual(['b', 'd']);
    engine.stop();
    clock.advance(100_000);
    expect(results).toHaveLength(2);
    expect([state.inFlight, engine.size, clock.untilNext()]).toEqual([
      0,
      { targets: 0, inFlight: 0 },
      undefined,
    ]);
  });

  it('a probe that takes too long fails at its timeout and the next one comes', () => {
    const { clock, engine, results } = simulated(() => ({ kind: 'ok' }), 1e9);
    engine.add(target(1, { eager: false, intervalMs: 1_000, timeoutMs: 3_000 }));
    clock.advance(13_000);
    expect(results.length).toBeGreaterThanOrEqual(4);
    expect(results.every(({ ok }) => !ok)).toBe(true);
  });

  it('a failure that its own pause may have caused is not told but tried again', () => {
    const real = simulated(() => ({ kind: 'ok' }), 1e9);
    // The clock stands still for the timers of a paused process, then all are late at once.
    let pausedMs = 0;
    const base = real.clock;
    const results: ProbeResult[] = [];
    const engine = new ProbeEngine({
      clock: {
        wallMs: () => base.wallMs(),
        monotonicMs: () => base.monotonicMs() + pausedMs,
        after: (delay, run) => base.after(delay, run),
        every: (period, run) => base.every(period, run),
      },
      dice: new SeededDice(1),
      onResult: (result) => results.push(result),
      probe: () => ({ cancel: () => undefined, timedOut: () => ({ kind: 'failed', cause: 'timed out' }) }),
    });
    engines.push(engine);
    engine.add(target(1, { timeoutMs: 2_000 }));
    base.advance(1_000);
    pausedMs = 30_000;
    base.advance(1_500);
    expect(results).toEqual([]);
    base.advance(2_500);
    expect(results).toEqual([expect.objectContaining({ ok: false, cause: 'timed out', elapsedMs: 2_000 })]);
  });
});
