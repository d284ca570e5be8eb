import type { TaskId } from '../../src/scheduler/instance.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let plane: Plane;
afterEach(() => plane.close());

/** Answers when told to. */
async function slowBackend(name: string): Promise<{ backend: Backend; answer: () => void }> {
  const waiting: (() => void)[] = [];
  const backend = await Backend.start((socket) => {
    waiting.push(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`));
  });
  return { backend, answer: () => waiting.shift()?.() };
}

describe('a server that leaves the table', () => {
  it('finishes what is in flight, gets nothing new, and its count goes to 0', async () => {
    const old = await slowBackend('old');
    const young = await Backend.answering('young');
    const oldServer = serverAt(old.backend.port, 'old-task');
    plane = await Plane.start([service([oldServer])]);
    plane.own(old.backend);
    plane.own(young);
    const [first, second] = [await plane.client(), await plane.client()];
    first.send(get());
    second.send(get());
    await waitFor(() => old.backend.received.split('GET').length === 3);
    plane.serve([service([serverAt(young.port)])]);
    expect(plane.inFlight).toEqual([['old-task', 2]]);
    const third = await plane.client();
    await third.send(get()).sees('young');
    old.answer();
    await waitFor(() => plane.inFlight.length === 2);
    old.answer();
    await Promise.all([first.sees('old'), second.sees('old')]);
    expect(plane.inFlight).toEqual([
      ['old-task', 2],
      ['old-task', 1],
      ['old-task', 0],
    ]);
    // The same client connections go on with the other server.
    await first.send(get()).sees(/old[\s\S]*young/);
    expect(old.backend.received.split('GET').length).toBe(3);
  });

  it('has its unused connections closed', async () => {
    const old = await Backend.answering('old');
    const young = await Backend.answering('young');
    plane = await Plane.start([service([serverAt(old.port, 'old-task')])]);
    plane.own(old);
    plane.own(young);
    const client = await plane.client();
    await client.send(get()).sees('old');
    plane.serve([service([serverAt(young.port)])]);
    await waitFor(() => [...old.sockets].every((socket) => socket.readableEnded));
    await client.send(get()).sees('young');
    expect(old.received.split('GET').length).toBe(2);
  });

  it('keeps upgraded and tcp connections until they end, and counts them', async () => {
    const backend = await Backend.start(
      (socket, soFar) =>
        socket.write(
          soFar.startsWith('GET')
            ? 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'
            : 'raw',
        ),
      (socket) => socket.on('end', () => socket.end()),
    );
    const web = service([serverAt(backend.port, 'task')]);
    const raw = service([serverAt(backend.port, 'task')], { servicePort: 10_001, mode: 'tcp', vhosts: [] });
    plane = await Plane.start([web, raw]);
    plane.own(backend);
    const upgraded = await plane.client();
    await upgraded.send(get('/', 'web.test', 'Connection: Upgrade\r\nUpgrade: x\r\n')).sees('101');
    const piped = await plane.client(await plane.openService(raw));
    await piped.send('hi').sees('raw');
    plane.serve([]);
    expect(plane.inFlight).toEqual([['task', 2]]);
    upgraded.close();
    await waitFor(() => plane.inFlight.length === 2);
    await piped.send('more').sees(/raw.*raw/s);
    piped.close();
    await waitFor(() => plane.inFlight.at(-1)?.[1] === 0);
  });

  it('of one service only is not reported as left while its task serves another port', async () => {
    const old = await slowBackend('old');
    const web = service([serverAt(old.backend.port, 'task')]);
    const admin = service([serverAt(old.backend.port + 0, 'task')], {
      servicePort: 10_001,
      vhosts: ['admin.test'],
    });
    plane = await Plane.start([web, admin]);
    plane.own(old.backend);
    const client = await plane.client();
    client.send(get());
    await waitFor(() => old.backend.received.includes('GET'));
    plane.serve([admin]);
    expect(plane.inFlight).toEqual([]);
    plane.serve([]);
    expect(plane.inFlight).toEqual([['task', 1]]);
    expect([...plane.routes.leaving()]).toEqual([['task' as TaskId, 1]]);
    old.answer();
    await client.sees('old');
  });
});

describe('a retiring worker', () => {
  it('answers the next request of a connection and says that it is the last', async () => {
    const backend = await Backend.answering('x');
    plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    const client = await plane.client();
    await client.send(get()).sees(/x$/);
    plane.shared.retiring = true;
    expect(await client.send(get()).seesEnd()).toMatch(/Connection: close\r\n\r\nx$/);
  });
});

describe('a tcp service', () => {
  it('passes bytes as they are, with each side ending on its own, and skips servers that refuse', async () => {
    const backend = await Backend.start(
      (socket, soFar) => socket.write(soFar.toUpperCase()),
      (socket) => {
        socket.write('greeting;');
        socket.on('end', () => socket.end('farewell'));
      },
    );
    const raw = service([serverAt(1, 'dead'), serverAt(backend.port, 'live')], { mode: 'tcp', vhosts: [] });
    plane = await Plane.start([raw]);
    plane.own(backend);
    const port = await plane.openService(raw);
    for (let i = 0; i < 3; i++) {
      const client = await plane.client(port);
      await client.sees('greeting;');
      await client.send('shout').sees('SHOUT');
      client.socket.end();
      expect(await client.seesEnd()).toBe('greeting;SHOUTfarewell');
    }
    await waitFor(() => plane.sessions.size === 0);
    expect(plane.routes.service('/shop/web:10000')?.counters.scur).toBe(0);
  });

  it('without servers closes the connection', async () => {
    const raw = service([], { mode: 'tcp', vhosts: [] });
    plane = await Plane.start([raw]);
    const client = await plane.client(await plane.openService(raw));
    expect(await client.seesEnd()).toBe('');
  });
});
