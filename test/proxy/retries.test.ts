import { createServer } from 'node:net';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let plane: Plane;
afterEach(() => plane.close());

/** A port that refuses connections. */
async function refusingPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Answers the first request of each connection; cuts the connection when a second one comes. */
function cuttingReused(reset: boolean): Promise<Backend> {
  return Backend.start((socket, soFar) => {
    const requests = soFar.split(' HTTP/1.1\r\n').length - 1;
    if (requests === 1 && /\r\n\r\n/.test(soFar))
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    else if (requests > 1) {
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
  });
}

async function planeFor(...backends: (Backend | number)[]): Promise<Plane> {
  plane = await Plane.start([
    service(backends.map((backend) => serverAt(typeof backend === 'number' ? backend : backend.port))),
  ]);
  for (const backend of backends) if (typeof backend !== 'number') plane.own(backend);
  return plane;
}

const post = (body: string): string =>
  `POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('a server that refuses connections', () => {
  it('is never seen by clients while another one is up, not even for POST', async () => {
    const good = await Backend.answering('good');
    const started = await planeFor(await refusingPort(), good, await refusingPort());
    const client = await started.client();
    for (let i = 1; i <= 8; i++) {
      client.send(i % 2 ? get() : post('data'));
      await waitFor(() => client.text.split('good').length === i + 1, { what: () => client.text });
    }
    expect(client.text).not.toMatch(/ 50\d /);
  });

  it('is left alone for a while after it refused', async () => {
    const dead = await refusingPort();
    const started = await planeFor(dead, await Backend.answering('good'));
    const client = await started.client();
    for (let i = 1; i <= 10; i++) {
      client.send(get());
      await waitFor(() => client.text.split('good').length === i + 1);
    }
    const refused = started.routes
      .service('/shop/web:10000')
      ?.servers.find(({ server }) => server.port === dead);
    expect(refused?.counters.econ).toBe(1);
  });

  it('that is the only one gives 503 after a bounded number of tries', async () => {
    const started = await planeFor(await refusingPort());
    const client = await started.client();
    await client
      .send(get())
      .sees(
        /\r\n\r\n503 Service Unavailable: no server of \/shop\/web takes connections \(ECONNREFUSED\)\n$/,
      );
    const live = started.routes.service('/shop/web:10000');
    expect(live?.servers[0]?.counters.econ).toBe(3);
    expect(live?.servers[0]?.inFlight).toBe(0);
    expect(live?.counters.scur).toBe(0);
  });
});

describe('a reused connection that breaks before the answer', () => {
  it.each([
    ['resets', true],
    ['closes', false],
  ] as const)('(%s) is not noticed by GET', async (_name, reset) => {
    const backend = await cuttingReused(reset);
    const client = await (await planeFor(backend)).client();
    for (let i = 1; i <= 5; i++) {
      client.send(get());
      await waitFor(() => client.text.split('200 OK').length === i + 1, { what: () => client.text });
    }
    expect(client.text).not.toMatch(/ 50\d /);
  });

  it('is not noticed by PUT, whose body is sent again', async () => {
    const backend = await cuttingReused(true);
    const client = await (await planeFor(backend)).client();
    await client.send(get()).sees('ok');
    await client.send('PUT /x HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\n\r\nbody').sees(/ok.*ok/s);
    expect(backend.received.match(/PUT \/x[\s\S]*?\r\n\r\nbody/g)?.length).toBe(2);
  });

  it('fails POST, which may have been acted on', async () => {
    const backend = await cuttingReused(true);
    const client = await (await planeFor(backend)).client();
    await client.send(get()).sees('ok');
    await client.send(post('once')).sees(/ 502 Bad Gateway/);
    expect(backend.received.match(/POST \//g)?.length).toBe(1);
  });

  it('fails a PUT whose body is too large to be kept', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.length > 150_000) socket.resetAndDestroy();
    });
    const client = await (await planeFor(backend)).client();
    client.send(`PUT / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
    await client.sees(/^HTTP\/1\.1 502 /);
    expect(backend.connections).toBe(1);
  });
});

describe('a connection that rested', () => {
  it('does not get a POST when it rested for more than a second', async () => {
    const backend = await Backend.answering('ok');
    const started = await planeFor(backend);
    const client = await started.client();
    await client.send(get()).sees('ok');
    const idle = started.routes.service('/shop/web:10000')?.servers[0]?.idle[0];
    if (!idle) throw new Error('no connection was kept');
    idle.idleSinceMs -= 1_500;
    await client.send(post('data')).sees(/ok.*ok/s);
    expect(backend.connections).toBe(2);
  });

  it('that the server has closed is not used again', async () => {
    const backend = await Backend.answering('ok');
    const started = await planeFor(backend);
    const client = await started.client();
    await client.send(get()).sees('ok');
    for (const socket of backend.sockets) socket.end();
    await waitFor(() => started.routes.service('/shop/web:10000')?.servers[0]?.idle.length === 0);
    await client.send(post('data')).sees(/ok.*ok/s);
    expect(backend.connections).toBe(2);
  });
});

describe('a server that dies with requests in flight', () => {
  it('has its idempotent requests answered by another one', async () => {
    const dying = await Backend.start((socket) => setTimeout(() => socket.resetAndDestroy(), 20));
    const good = await Backend.answering('good');
    const started = await planeFor(dying, good);
    const clients = await Promise.all(Array.from({ length: 6 }, () => started.client()));
    for (const client of clients) client.send(get());
    for (const client of clients) expect(await client.sees(/\r\n\r\n/)).toMatch(/ 200 OK[\s\S]*good$/);
    expect(dying.connections).toBeGreaterThan(0);
  });
});
