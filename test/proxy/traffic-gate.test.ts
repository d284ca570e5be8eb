import fc from 'fast-check';
import { rateOf, taken } from '../../src/proxy/decide/rate-limit.js';
import { MAX_CLIENTS, TrafficGate } from '../../src/proxy/worker/traffic-gate.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

function gate(limits: Parameters<TrafficGate['update']>[0], workers = 1): TrafficGate {
  const made = new TrafficGate(workers);
  made.update(limits);
  return made;
}
/** How many of `count` requests at one moment are let in. */
function admitted(of: TrafficGate, count: number, nowMs: number, client = '10.0.0.1'): number {
  let admittedCount = 0;
  for (let i = 0; i < count; i++) if (!of.admit(client, nowMs, 0)) admittedCount += 1;
  return admittedCount;
}

describe('a rate', () => {
  it('is never exceeded by more than its burst, over any length of time, and is reached (property)', () => {
    const rates = fc.record({
      perSecond: fc.integer({ min: 1, max: 1_000 }),
      burst: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(rates, fc.array(fc.nat(40), { minLength: 1, maxLength: 300 }), (rate, pauses) => {
        let fullAtMs = 0;
        let nowMs = 10_000;
        const grantedMs: number[] = [];
        for (const pause of pauses) {
          nowMs += pause;
          const next = taken(fullAtMs, nowMs, rate);
          if (next === undefined) continue;
          fullAtMs = next;
          grantedMs.push(nowMs);
          const inWindow = (windowMs: number): number =>
            grantedMs.filter((at) => at > nowMs - windowMs).length;
          for (const windowMs of [100, 1_000, 5_000])
            expect(inWindow(windowMs)).toBeLessThanOrEqual(
              (windowMs / 1_000) * rate.perSecond + rate.burst + 1 + 1e-6,
            );
        }
        // After a rest the whole burst is there again.
        let atOnce = 0;
        nowMs += (1_000 * (rate.burst + 1)) / rate.perSecond + 1;
        for (
          let next = taken(fullAtMs, nowMs, rate);
          next !== undefined;
          next = taken(fullAtMs, nowMs, rate)
        ) {
          fullAtMs = next;
          atOnce += 1;
        }
        expect(atOnce).toBe(rate.burst + 1);
      }),
      { numRuns: 60 },
    );
  });

  it('without a word on bursts lets one second’s worth come at once', () => {
    expect(rateOf(20, undefined)).toEqual({ perSecond: 20, burst: 20 });
    expect(rateOf(0.5, undefined)).toEqual({ perSecond: 0.5, burst: 1 });
  });
});

describe('the gate of a service', () => {
  it('lets in so many per second, and says when to come again', () => {
    const of = gate({ requestsPerSecond: 0.5, burst: 0 });
    expect(admitted(of, 5, 10_000)).toBe(1);
    expect(of.admit('10.0.0.1', 10_100, 0)).toMatchObject({
      status: 429,
      code: 'rate-limited',
      fields: 'Retry-After: 2\r\n',
    });
    expect(admitted(of, 5, 12_000)).toBe(1);
  });

  it('gives each worker its part of what the service may have, and a client its whole rate', () => {
    expect(admitted(gate({ requestsPerSecond: 100, burst: 20 }, 4), 50, 10_000)).toBe(6);
    expect(admitted(gate({ requestsPerSecondPerClient: 100, burst: 20 }, 4), 50, 10_000)).toBe(21);
    const of = gate({ requestsUnderWay: 9 }, 4);
    expect([0, 1, 2, 3].map((underWay) => of.admit('a', 0, underWay)?.status)).toEqual([
      undefined,
      undefined,
      503,
      503,
    ]);
  });

  it('counts each client for itself, and what is refused for nobody', () => {
    const of = gate({ requestsPerSecondPerClient: 1, requestsPerSecond: 3, burst: 0 });
    expect(admitted(of, 10, 10_000, 'a')).toBe(1);
    expect(admitted(of, 10, 10_000, 'b')).toBe(0);
    // The first third of a second brings the service its next; b has lost nothing by asking in vain.
    expect(admitted(of, 10, 10_334, 'b')).toBe(1);
    expect(admitted(of, 10, 10_668, 'a')).toBe(0);
    expect(admitted(of, 10, 11_000, 'a')).toBe(1);
  });

  it('remembers so many addresses, those that asked last', () => {
    const of = gate({ requestsPerSecondPerClient: 0.001, burst: 0 });
    for (let n = 0; n < MAX_CLIENTS; n++) of.admit(`${n}`, 1_000, 0);
    expect(of.admit('0', 1_000, 0)?.status).toBe(429);
    of.admit('another', 1_000, 0);
    expect(of.clients).toBe(MAX_CLIENTS);
    expect(of.admit(`${MAX_CLIENTS - 1}`, 1_000, 0)?.status).toBe(429);
    expect(of.admit('0', 1_000, 0)).toBeUndefined();
  });

  it('keeps what was used when limits change', () => {
    const of = gate({ requestsPerSecond: 10, burst: 4 });
    expect(admitted(of, 10, 10_000)).toBe(5);
    of.update({ requestsPerSecond: 10, burst: 5 });
    expect(admitted(of, 10, 10_000)).toBe(1);
  });
});

describe('a worker', () => {
  it('says 429 above the rate and 503 above the circuit breaker’s number, and forwards nothing of that', async () => {
    const backend = await Backend.start(() => undefined);
    const limits = { requestsUnderWay: 1, requestsPerSecondPerClient: 0.01, burst: 1 };
    const plane = await Plane.start([service([serverAt(backend.port)], { limits })]);
    plane.own(backend);
    try {
      const [a, b, c] = [await plane.client(), await plane.client(), await plane.client()];
      a.send(get('/a'));
      await waitFor(() => backend.received.includes('GET /a'));
      b.send(get('/b'));
      expect(await b.sees(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 503[\s\S]*circuit-open/);
      a.socket.resetAndDestroy();
      await waitFor(() => plane.routes.service('/shop/web:10000')?.counters.scur === 0);
      b.text = '';
      // Over the same connection: an answer of ours does not end it.
      b.send(get('/b2'));
      await waitFor(() => backend.received.includes('GET /b2'));
      for (const socket of backend.sockets) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      await b.sees('204');
      c.send(get('/c'));
      const refused = await c.sees(/\r\n\r\n/);
      expect(refused).toMatch(/^HTTP\/1.1 429 Too Many Requests/);
      expect(refused.match(/Retry-After: \d+/g)).toEqual(['Retry-After: 100']);
      expect(backend.received).not.toContain('GET /c');
    } finally {
      await plane.close();
    }
  });
});
