import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let plane: Plane;
afterEach(() => plane.close());

async function planeFor(backend: Backend, options: Parameters<typeof Plane.start>[1]): Promise<Plane> {
  plane = await Plane.start([service([serverAt(backend.port)])], options);
  plane.own(backend);
  return plane;
}

describe('time limits', () => {
  it('end a head that comes too slowly with 408', async () => {
    const client = await (
      await planeFor(await Backend.answering('x'), { timeouts: { httpRequestMs: 150 } })
    ).client();
    const drip = setInterval(() => client.send('a'), 20);
    client.send('GET / HTTP/1.1\r\nX-Slow: ');
    expect(await client.seesEnd().finally(() => clearInterval(drip))).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\n/,
    );
  });

  it('close a client that never says anything', async () => {
    const client = await (
      await planeFor(await Backend.answering('x'), { timeouts: { httpRequestMs: 100 } })
    ).client();
    expect(await client.seesEnd()).toBe('');
  });

  it('close a client that rests too long between requests', async () => {
    const client = await (
      await planeFor(await Backend.answering('x'), { timeouts: { httpKeepAliveMs: 100 } })
    ).client();
    await client.send(get()).sees(/x$/);
    await client.seesEnd();
    expect(client.text).toMatch(/x$/);
  });

  it('answer 504 for a silent server and 408 for a client whose body stops', async () => {
    const backend = await Backend.start(() => undefined);
    const started = await planeFor(backend, { timeouts: { clientMs: 150, serverMs: 150 } });
    const waiting = await started.client();
    await waiting
      .send(get())
      .sees(/^HTTP\/1\.1 504 Gateway Timeout\r\n[\s\S]*\/shop\/web did not answer in time/);
    const stopping = await started.client();
    await stopping
      .send('POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 10\r\n\r\nhalf')
      .sees(/^HTTP\/1\.1 408 /);
    expect(plane.routes.service('/shop/web:10000')?.servers[0]?.inFlight).toBe(0);
  });

  it('close unused connections to servers', async () => {
    const backend = await Backend.answering('x');
    const client = await (await planeFor(backend, { timeouts: { upstreamIdleMs: 100 } })).client();
    await client.send(get()).sees(/x$/);
    expect(backend.sockets.size).toBe(1);
    await waitFor(
      () => backend.sockets.size === 0 || [...backend.sockets].every((socket) => socket.readableEnded),
    );
  });
});

describe('bounds', () => {
  it('turn away connections beyond the limit with 503, and count them', async () => {
    const started = await planeFor(await Backend.answering('x'), { maxConnections: 2 });
    await Promise.all([started.client(), started.client()]);
    await waitFor(() => started.sessions.size === 2);
    const third = await started.client();
    expect(await third.seesEnd()).toMatch(/^HTTP\/1\.1 503 [\s\S]*as many connections as it may/);
    expect(started.vhost.counters.dcon).toBe(1);
  });

  it('hold back a server that answers faster than its client reads', async () => {
    let written = 0;
    const size = 50_000_000;
    const backend = await Backend.start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      const block = Buffer.alloc(100_000, 'x');
      const more = (): void => {
        while (written < size) {
          written += block.length;
          if (!socket.write(block)) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    const client = await (await planeFor(backend, {})).client();
    client.socket.pause();
    client.send(get());
    let before = -1;
    await waitFor(async () => {
      if (written > 0 && written === before) return true;
      before = written;
      await new Promise((later) => setTimeout(later, 200));
      return false;
    });
    expect(written).toBeLessThan(size);
    client.socket.resume();
    await waitFor(() => client.text.length >= size, { timeoutMs: 20_000 });
  });

  it('hold back a client that sends faster than its server reads', async () => {
    const size = 50_000_000;
    const backend = await Backend.start(
      () => undefined,
      (socket) => socket.pause(),
    );
    const client = await (await planeFor(backend, {})).client();
    client.send(`POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: ${size}\r\n\r\n`);
    const block = 'x'.repeat(1_000_000);
    for (let i = 0; i < 50; i++) client.send(block);
    let before = -1;
    await waitFor(async () => {
      const { bytesWritten, writableLength } = client.socket;
      const sent = bytesWritten - writableLength;
      if (sent > 0 && sent === before) return true;
      before = sent;
      await new Promise((later) => setTimeout(later, 200));
      return false;
    });
    expect(before).toBeLessThan(size);
    for (const socket of backend.sockets) socket.resume();
    await waitFor(() => backend.received.length > size, { timeoutMs: 20_000 });
  });
});
