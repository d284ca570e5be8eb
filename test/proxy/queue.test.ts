import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import type { Service } from '../../src/proxy/table.js';
import { DeadlineQueue } from '../../src/proxy/worker/deadlines.js';
import type { LiveServer } from '../../src/proxy/worker/live-server.js';
import type { LiveService } from '../../src/proxy/worker/live-service.js';
import { Routes } from '../../src/proxy/worker/routes.js';
import type { Asking, Ticket, Waiter } from '../../src/proxy/worker/wait-queue.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, type RawClient, serverAt, service } from './rig.js';

/** Requests in a worker's table without sockets. */
class World {
  readonly routes = new Routes({ serviceChanged: () => undefined, inFlight: () => undefined });
  nowMs = 1_000;
  readonly limit = new DeadlineQueue(5_000, () => this.nowMs);
  readonly log: string[] = [];
  #version = 0;

  constructor(...services: Service[]) {
    this.serve(...services);
  }

  serve(...services: Service[]): void {
    this.#version += 1;
    const named = services.map((each) => [`${each.appId}:${each.servicePort}`, each] as const);
    this.routes.replace({ epoch: 1, version: this.#version, services: Object.fromEntries(named) });
  }

  live(key = '/shop/web:10000'): LiveService {
    const live = this.routes.service(key);
    if (!live) throw new Error(`no service ${key}`);
    return live;
  }

  /** A request: served at once, or in the queue, or turned away. */
  ask(name: string, more: Partial<Asking> = {}, live = this.live()): Request {
    return new Request(this, name, live, more);
  }
}

class Request implements Waiter {
  server: LiveServer | undefined;
  ticket: Ticket | undefined;

  constructor(
    private readonly world: World,
    private readonly name: string,
    live: LiveService,
    private readonly more: Partial<Asking>,
  ) {
    const server = live.pick(this.asking());
    if (server) {
      this.granted(server);
      return;
    }
    this.ticket = live.pool.wait(this, world.limit);
    world.log.push(`${name} ${this.ticket ? 'waits' : 'is turned away'}`);
  }

  asking(): Asking {
    return { nowMs: this.world.nowMs, tried: [], client: '10.0.0.1', target: '/', ...this.more };
  }

  granted(server: LiveServer): void {
    this.server = server;
    server.begin(this.world.nowMs);
    this.world.log.push(`${this.name} at ${server.server.port}`);
  }

  timedOut(): void {
    this.world.log.push(`${this.name} timed out`);
  }

  end(): void {
    this.server?.end();
    this.server = undefined;
  }
}

const limited = (ports: readonly number[], over: Partial<Service> = {}): Service =>
  service(
    ports.map((port) => serverAt(port)),
    { limits: { connectionsPerServer: 1, queueLength: 3 }, ...over },
  );

describe('the queue of a service whose servers have as much as they may', () => {
  it('hands a slot to whoever has waited longest, and turns away whoever finds no place', () => {
    const world = new World(limited([1, 2]));
    const [a, b] = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => world.ask(name));
    b?.end();
    a?.end();
    expect(world.log).toEqual([
      'a at 1',
      'b at 2',
      'c waits',
      'd waits',
      'e waits',
      'f is turned away',
      'c at 2',
      'd at 1',
    ]);
    expect(world.live().pool.queue.size).toBe(1);
    expect(world.live().pool.queue.most).toBe(3);
  });

  it('forgets those that leave and those whose time is up', () => {
    const world = new World(limited([1]));
    const a = world.ask('a');
    world.ask('b');
    const c = world.ask('c');
    world.nowMs += 3_000;
    world.ask('d');
    c.ticket?.leave();
    world.nowMs += 2_000;
    world.limit.sweep(world.nowMs);
    a.end();
    expect(world.log.slice(4)).toEqual(['b timed out', 'd at 1']);
    expect(world.live().pool.queue.timedOut).toBe(1);
  });

  it('is emptied by servers that come, and by limits that rise', () => {
    const world = new World(limited([1]));
    for (const name of ['a', 'b', 'c', 'd']) world.ask(name);
    world.serve(limited([1, 2]));
    world.serve(limited([1, 2], { limits: { connectionsPerServer: 2 } }));
    expect(world.log.slice(4)).toEqual(['b at 2', 'c at 1', 'd at 2']);
  });

  it('keeps a client for the server that its cookie names, while others go where there is room', () => {
    const world = new World(limited([1, 2], { sticky: true }));
    const cookie = (port: number): Partial<Asking> => ({
      cookie: world.live().servers.find(({ server }) => server.port === port)?.stickyId,
    });
    const first = world.ask('first', cookie(1));
    world.ask('second', cookie(1));
    const third = world.ask('third');
    world.ask('fourth');
    third.end();
    first.end();
    expect(world.log).toEqual([
      'first at 1',
      'second waits',
      'third at 2',
      'fourth waits',
      'fourth at 2',
      'second at 1',
    ]);
  });

  it('sends those elsewhere that wait for a server that goes', () => {
    const world = new World(limited([1, 2], { sticky: true }));
    const cookie = world.live().servers[0]?.stickyId;
    world.ask('first', { cookie });
    world.ask('second', { cookie });
    world.serve(limited([2], { sticky: true }));
    expect(world.log).toEqual(['first at 1', 'second waits', 'second at 2']);
  });

  it('waits for a good server with as much as it may rather than ask one that is left alone', () => {
    const world = new World(limited([1, 2, 3]));
    world.live().servers[0]?.refused(world.nowMs);
    const [a] = ['a', 'b', 'c'].map((name) => world.ask(name));
    a?.end();
    expect(world.log).toEqual(['a at 2', 'b at 3', 'c waits', 'c at 2']);
  });

  it('waits on where its service becomes one of a deployment group, and when that ends', () => {
    const blue = limited([1], { appId: '/z-blue' as AppId, deploymentGroup: 'web' });
    const green = limited([11], { appId: '/a-green' as AppId, deploymentGroup: 'web' });
    const world = new World(blue);
    const a = world.ask('a', {}, world.live('/z-blue:10000'));
    world.ask('b', {}, world.live('/z-blue:10000'));
    const c = world.ask('c', {}, world.live('/z-blue:10000'));
    world.serve(blue, { ...green, servers: [] });
    world.serve(blue, green);
    world.ask('d', {}, world.live('/z-blue:10000'));
    world.serve(blue);
    a.end();
    c.ticket?.leave();
    expect(world.log).toEqual(['a at 1', 'b waits', 'c waits', 'b at 11', 'd waits', 'c at 1']);
  });

  it('never lets anybody wait while there is room, gives nobody two places, and ends empty (property)', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('ask' as const), sticky: fc.option(fc.integer({ min: 1, max: 4 })) }),
      fc.record({ do: fc.constantFrom('end' as const, 'leave' as const), nth: fc.nat(20) }),
      fc.record({ do: fc.constant('serve' as const), ports: fc.subarray([1, 2, 3, 4], { minLength: 1 }) }),
      fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const over = { sticky: true as const, limits: { connectionsPerServer: 2, queueLength: 10 } };
        const world = new World(limited([1, 2], over));
        let open: Request[] = [];
        const sent = new Map(
          [1, 2, 3, 4].map((port) => [port, new World(limited([port])).live().servers[0]?.stickyId]),
        );
        for (const [at, taken] of steps.entries()) {
          const nth = 'nth' in taken ? open[taken.nth % Math.max(1, open.length)] : undefined;
          if (taken.do === 'ask')
            open.push(world.ask(`${at}`, taken.sticky === null ? {} : { cookie: sent.get(taken.sticky) }));
          else if (taken.do === 'serve') world.serve(limited(taken.ports, over));
          else if (taken.do === 'pass') {
            world.nowMs += taken.ms;
            world.limit.sweep(world.nowMs);
          } else if (taken.do === 'end') nth?.end();
          else nth?.ticket?.leave();
          open = open.filter((each) => each.server || each.ticket?.queue);
          const live = world.live();
          for (const server of live.servers) {
            expect(server.inFlight).toBeLessThanOrEqual(2);
            if (server.inFlight < 2) {
              expect(live.pool.queue.firstAnywhere).toBeUndefined();
              expect(server.queued).toBe(0);
            }
          }
          expect(live.pool.queue.size).toBe(open.filter((each) => !each.server).length);
        }
        while (open.length > 0) {
          for (const each of open) each.end();
          open = open.filter((each) => each.server);
        }
        expect(world.live().pool.queue.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a worker with a limit per server', () => {
  let plane: Plane | undefined;
  afterEach(async () => {
    await plane?.close();
    plane = undefined;
  });
  /** Says `hold` to the first and answers when told. */
  const holding = (): Promise<Backend> => Backend.start(() => undefined);
  const answer = (backend: Backend, body: string): void => {
    for (const socket of backend.sockets)
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  };
  const clients = (count: number): Promise<RawClient[]> =>
    Promise.all(Array.from({ length: count }, () => plane?.client() as Promise<RawClient>));

  it('answers those that waited when their turn comes, over the same connection', async () => {
    const backend = await holding();
    plane = await Plane.start([service([serverAt(backend.port)], { limits: { connectionsPerServer: 1 } })]);
    plane.own(backend);
    const [a, b] = await clients(2);
    a?.send(get('/a'));
    await waitFor(() => backend.received.includes('GET /a'));
    b?.send(get('/b'));
    const live = plane.routes.service('/shop/web:10000');
    await waitFor(() => live?.pool.queue.size === 1);
    expect(backend.received).not.toContain('GET /b');
    answer(backend, 'first');
    await a?.sees('first');
    await waitFor(() => backend.received.includes('GET /b'));
    answer(backend, 'second');
    await b?.sees('second');
    expect(backend.connections).toBe(1);
  });

  it('says 503 to whoever waits too long, and to whoever finds the queue full', async () => {
    const backend = await holding();
    const limits = { connectionsPerServer: 1, queueLength: 1 };
    plane = await Plane.start([service([serverAt(backend.port)], { limits, timeouts: { queueMs: 1_000 } })]);
    plane.own(backend);
    const [a, b, c] = await clients(3);
    a?.send(get('/a'));
    await waitFor(() => backend.received.includes('GET /a'));
    b?.send(get('/b'));
    const live = plane.routes.service('/shop/web:10000');
    await waitFor(() => live?.pool.queue.size === 1);
    c?.send(get('/c'));
    expect(await c?.sees(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 503/);
    expect(await b?.sees(/\r\n\r\n/)).toMatch(/^HTTP\/1.1 503/);
    answer(backend, 'late');
    await a?.sees('late');
    expect(live?.pool.queue.size).toBe(0);
    expect(live?.counters.scur).toBe(0);
  });

  it('forgets a client that hangs up while it waits', async () => {
    const backend = await holding();
    plane = await Plane.start([service([serverAt(backend.port)], { limits: { connectionsPerServer: 1 } })]);
    plane.own(backend);
    const [a, b, c] = await clients(3);
    a?.send(get('/a'));
    await waitFor(() => backend.received.includes('GET /a'));
    b?.send(get('/b'));
    const live = plane.routes.service('/shop/web:10000');
    await waitFor(() => live?.pool.queue.size === 1);
    c?.send(get('/c'));
    await waitFor(() => live?.pool.queue.size === 2);
    // An end of its stream alone, not a reset.
    b?.close();
    await waitFor(() => live?.pool.queue.size === 1);
    answer(backend, 'x');
    await waitFor(() => backend.received.includes('GET /c'));
    expect(backend.received).not.toContain('GET /b');
  });

  it('lets connections in tcp mode wait, too', async () => {
    const backend = await Backend.start((socket, soFar) => void socket.write(`echo ${soFar}`));
    const tcp = service([serverAt(backend.port)], {
      mode: 'tcp',
      vhosts: [],
      limits: { connectionsPerServer: 1 },
    });
    plane = await Plane.start([tcp]);
    plane.own(backend);
    const port = await plane.openService(tcp);
    const a = await plane.client(port);
    a.send('one');
    await a.sees('echo one');
    const b = await plane.client(port);
    b.send('two');
    const live = plane.routes.service('/shop/web:10000');
    await waitFor(() => live?.pool.queue.size === 1);
    a.socket.resetAndDestroy();
    await b.sees('echo two');
  });
});
