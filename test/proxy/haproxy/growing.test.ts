import type { Server as HttpServer } from 'node:http';
import type { Server } from '../../../src/proxy/table.js';
import { waitFor } from '../../support/wait-for.js';
import { namedServer, RealHaproxy, withHaproxy } from './real.js';
import { server, web } from './world.js';

const ALGORITHMS = ['roundrobin', 'leastconn', 'random', 'first', 'source', 'uri'] as const;

withHaproxy('a backend of HAProxy that is short of slots', () => {
  let haproxy: RealHaproxy;
  const servers: HttpServer[] = [];
  const instances: Server[] = [];

  beforeAll(async () => {
    haproxy = await RealHaproxy.onAnyPort();
    for (let number = 0; number < 11; number++) {
      const { server: one, port } = await namedServer(`instance ${number}`);
      servers.push(one);
      instances.push(server(number, { host: '127.0.0.1', port }));
    }
  });
  afterAll(async () => {
    await haproxy.end();
    for (const each of servers) each.close();
  }, 60_000);

  const services = (count: number): ReturnType<typeof web>[] =>
    ALGORITHMS.map((balance, index) =>
      web(instances.slice(0, count), {
        appId: `/${balance}` as never,
        servicePort: 10_000 + index,
        bindPort: false,
        vhosts: [`${balance}.test`],
        balance,
        ...(balance === 'roundrobin' && { sticky: true }),
        ...(balance === 'leastconn' && { ejection: { failures: 3 }, limits: { connectionsPerServer: 10 } }),
        ...(balance === 'random' && { slowStartMs: 1_000 }),
      }),
    );

  it('gets more by commands, whatever its algorithm and options; cookies lead to the same instances ever after', async () => {
    haproxy.tell(...services(1));
    haproxy.plane.start();
    await haproxy.inForce();
    const { presentPid } = haproxy.plane.generations;
    haproxy.tell(...services(11));
    await haproxy.inForce();
    expect(haproxy.plane.generations.presentPid).toBe(presentPid);
    for (const balance of ['leastconn', 'random'] as const) {
      const seen = new Set<string>();
      await waitFor(
        async () => {
          seen.add((await haproxy.ask(`${balance}.test`)).body);
          return seen.size === 11;
        },
        { timeoutMs: 20_000, what: () => `${balance} to ask all instances, not only ${[...seen].join()}` },
      );
    }
    const cookies = new Map<string, string>();
    await waitFor(async () => {
      const { body, cookie } = await haproxy.ask('roundrobin.test');
      cookies.set(body, cookie);
      return cookies.size === 11;
    });
    expect(new Set(cookies.values()).size).toBe(11);
    // Another app: HAProxy is reloaded, its slots are part of its configuration now.
    haproxy.tell(...services(11), web([], { appId: '/new' as never, servicePort: 11_000, bindPort: false }));
    await haproxy.inForce();
    expect(haproxy.plane.generations.presentPid).not.toBe(presentPid);
    for (const [body, cookie] of cookies)
      expect((await haproxy.ask('roundrobin.test', cookie)).body).toBe(body);
  }, 60_000);
});
