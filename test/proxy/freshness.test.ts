import { createServer } from 'node:net';
import { TableFreshness } from '../../src/proxy/worker/table-freshness.js';
import type { Clock } from '../../src/util/clock.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

describe('a doubt about the table', () => {
  it('ends with the whole table, or after a moment', async () => {
    const clock = new VirtualClock();
    const freshness = new TableFreshness(clock, () => undefined);
    const heard: string[] = [];
    expect(freshness.wait(() => heard.push('never'))).toBeUndefined();
    freshness.doubted();
    freshness.wait(() => heard.push('a'));
    const leave = freshness.wait(() => heard.push('b'));
    leave?.();
    freshness.confirmed();
    expect(heard).toEqual(['a']);
    expect(freshness.wait(() => heard.push('never'))).toBeUndefined();
    freshness.doubted();
    freshness.wait(() => heard.push('c'));
    await clock.advance(2_900);
    expect(heard).toEqual(['a']);
    await clock.advance(200);
    expect(heard).toEqual(['a', 'c']);
    expect(freshness.wait(() => heard.push('never'))).toBeUndefined();
  });

  it('begins when this process stood still, and not when it only had much to do', async () => {
    let nowMs = 0;
    let tick = (): void => undefined;
    let thaws = 0;
    const clock = new VirtualClock();
    const slept: Clock = {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => nowMs,
      after: (ms, act) => clock.after(ms, act),
      every: (_ms, act) => {
        tick = act;
        return { cancel: () => undefined };
      },
    };
    const freshness = new TableFreshness(slept, () => {
      thaws += 1;
    });
    freshness.start();
    for (nowMs = 200; nowMs < 2_000; nowMs += 700) tick();
    expect([thaws, freshness.wait(() => undefined)]).toEqual([0, undefined]);
    nowMs += 20_000;
    tick();
    expect([thaws, typeof freshness.wait(() => undefined)]).toEqual([1, 'function']);
    freshness.stop();
  });
});

describe('a request that finds no living server', () => {
  let plane: Plane | undefined;
  afterEach(async () => {
    await plane?.close();
    plane = undefined;
  });
  /** A port that nobody listens on. */
  const deadPort = async (): Promise<number> => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as { port: number };
    await new Promise((closed) => server.close(closed));
    return port;
  };

  it('waits for the newer table while there is a doubt, whatever its method, and goes by it', async () => {
    const backend = await Backend.answering('alive');
    const dead = service([serverAt(await deadPort(), 'dead')]);
    plane = await Plane.start([dead]);
    plane.own(backend);
    const freshness = new TableFreshness(plane.clock, () => undefined);
    Object.assign(plane.shared, { freshness });
    expect(await (await plane.client()).send(get()).sees(/\n\n?$/)).toMatch(/503 .*connect-failed/s);
    freshness.doubted();
    const clients = [await plane.client(), await plane.client(), await plane.client()];
    clients[0]?.send(get());
    clients[1]?.send('POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\n\r\nbody');
    clients[2]?.send(get());
    const live = plane.routes.service('/shop/web:10000');
    await waitFor(() => (live?.counters.econ ?? 0) >= 4 * 3, { what: 'all to be refused everywhere' });
    clients[2]?.socket.resetAndDestroy();
    await waitFor(() => live?.counters.cliAborts === 1, { what: 'one client to be missed' });
    plane.serve([service([serverAt(backend.port, 'alive')])]);
    freshness.confirmed();
    await clients[0]?.sees(/200 OK.*alive$/s);
    await clients[1]?.sees(/200 OK.*alive$/s);
    expect(backend.received).toContain('\r\n\r\nbody');
    await waitFor(() => live?.counters.scur === 0, { what: 'nothing to be under way' });
    expect(backend.received.split('HTTP/1.1')).toHaveLength(3);
  });

  it('fails when the newer table has none either', async () => {
    plane = await Plane.start([service([])]);
    const freshness = new TableFreshness(plane.clock, () => undefined);
    Object.assign(plane.shared, { freshness });
    freshness.doubted();
    const client = await plane.client();
    client.send(get());
    const live = plane.routes.service('/shop/web:10000');
    await waitFor(() => live?.counters.scur === 1, { what: 'the request to wait' });
    freshness.confirmed();
    await client.sees(/503 .*no-server/s);
  });
});
