import fc from 'fast-check';
import { durationMs, readTimeouts, timeoutNames } from '../../src/config/balancer-timeouts.js';
import { Deadlines, MAX_LENGTHS } from '../../src/proxy/worker/deadlines.js';
import { defaultTimeouts, mergeTimeouts } from '../../src/proxy/worker/timeouts.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

describe('--lb-timeouts', () => {
  it("takes HAProxy's names and units", () => {
    expect(
      readTimeouts('connect=3s, client=500,server=2m,http-request=1h,tunnel=1d,client-fin=10ms'),
    ).toEqual({
      connectMs: 3_000,
      clientMs: 500,
      serverMs: 120_000,
      httpRequestMs: 3_600_000,
      tunnelMs: 86_400_000,
      clientFinMs: 10,
    });
    expect(readTimeouts(undefined)).toEqual({});
    expect(timeoutNames).toHaveLength(9);
  });

  it.each([
    'connect',
    'connect=',
    'connect=0',
    'connect=1y',
    'connect=-1s',
    'connect=25d',
    'check=3s',
    'client=1s,client=2s',
  ])('refuses %s', (text) => expect(typeof readTimeouts(text)).toBe('string'));

  it('reads every length that HAProxy writes, and nothing is lost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (ms) => {
        expect(durationMs(`${ms}`)).toBe(ms);
        expect(durationMs(`${ms}ms`)).toBe(ms);
      }),
    );
  });

  it('lets client-fin and server-fin follow client and server, as in HAProxy', () => {
    expect(mergeTimeouts(defaultTimeouts, { clientMs: 7, serverMs: 8 })).toMatchObject({
      clientFinMs: 7,
      serverFinMs: 8,
    });
    expect(mergeTimeouts(defaultTimeouts, { clientMs: 7, clientFinMs: 9 })).toMatchObject({
      clientMs: 7,
      clientFinMs: 9,
    });
    expect(mergeTimeouts(defaultTimeouts)).toEqual(defaultTimeouts);
  });
});

describe('queues of deadlines', () => {
  it('are shared by services with the same lengths, and made once per service', () => {
    const deadlines = new Deadlines(new VirtualClock(), defaultTimeouts);
    const timeouts = { serverMs: 77 };
    expect(deadlines.of(undefined)).toBe(deadlines.own);
    expect(deadlines.of(timeouts)).toBe(deadlines.of(timeouts));
    expect(deadlines.of({ serverMs: 77 }).server).toBe(deadlines.of(timeouts).server);
    expect(deadlines.of(timeouts).client).toBe(deadlines.own.client);
  });

  it('are bounded: beyond the bound the next longer length serves, or the longest', () => {
    const deadlines = new Deadlines(new VirtualClock(), defaultTimeouts);
    for (let i = 1; i <= 2 * MAX_LENGTHS; i++) deadlines.of({ serverMs: 10 * i });
    const lengths = new Set<number>();
    for (let i = 1; i <= 2 * MAX_LENGTHS; i++)
      lengths.add(deadlines.of({ serverMs: 10 * i + 5 }).server.timeoutMs);
    expect(lengths.size).toBeLessThanOrEqual(MAX_LENGTHS);
    expect(deadlines.of({ serverMs: 95 }).server.timeoutMs).toBe(100);
    expect(deadlines.of({ serverMs: 4_000_000 }).server.timeoutMs).toBe(defaultTimeouts.tunnelMs);
  });
});

describe('time limits of a service', () => {
  let plane: Plane;
  afterEach(() => plane.close());

  async function start(backend: Backend, timeouts: object): Promise<Plane> {
    plane = await Plane.start([service([serverAt(backend.port)], { timeouts })]);
    plane.own(backend);
    return plane;
  }

  it('go before those of the load balancer', async () => {
    const silent = await Backend.start(() => undefined);
    const client = await (await start(silent, { serverMs: 100 })).client();
    await client.send(get()).sees(/^HTTP\/1\.1 504 /);
  });

  it('hold a slow client to its own limit, not to that of its server', async () => {
    const silent = await Backend.start(() => undefined);
    const client = await (await start(silent, { clientMs: 100, serverMs: 60_000 })).client();
    await client
      .send('POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 9\r\n\r\nhalf')
      .sees(/^HTTP\/1\.1 408 /);
  });

  it('let a client send slowly as long as it goes on, however long its server has nothing to do', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.endsWith('123')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
    });
    const client = await (await start(backend, { clientMs: 5_000, serverMs: 50 })).client();
    client.send('POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\n\r\n');
    for (const digit of '123') {
      // Longer than the server's limit and the period in which limits are looked at.
      await new Promise((later) => setTimeout(later, 300));
      client.send(digit);
    }
    await client.sees(/fine$/);
  });

  it('end an answer that its client does not take', async () => {
    const backend = await Backend.start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(20_000_000)}`);
    });
    const client = await (await start(backend, { clientMs: 150, serverMs: 60_000 })).client();
    client.socket.pause();
    client.send(get());
    await waitFor(() => backend.connections === 1);
    await waitFor(() => plane.routes.service('/shop/web:10000')?.counters.scur === 0, { timeoutMs: 20_000 });
    expect(backend.connections).toBe(1);
  });

  it('end a tunnel that is silent, the sooner when one side has ended', async () => {
    const backend = await Backend.start((socket) => socket.write('hi'));
    const tcp = service([serverAt(backend.port)], {
      mode: 'tcp',
      vhosts: [],
      timeouts: { tunnelMs: 60_000, serverFinMs: 100 },
    });
    plane = await Plane.start([tcp]);
    plane.own(backend);
    const client = await plane.client(await plane.openService(tcp));
    await client.send('hello').sees('hi');
    client.socket.end();
    await waitFor(() => plane.sessions.size === 0);
  });
});
