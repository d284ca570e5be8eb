import type { Server as HttpServer } from 'node:http';
import { argument } from '../../../src/proxy/haproxy/decide/escape.js';
import type { Server, Service } from '../../../src/proxy/table.js';
import { waitFor } from '../../support/wait-for.js';
import { namedServer, RealHaproxy, withHaproxy } from './real.js';
import { server, web } from './world.js';

const patient = { timeoutMs: 20_000 };

describe('an argument of a run-time command', () => {
  it('never makes what follows it a payload', () => {
    expect(argument('/a<<')).toBe('/a\\<\\<');
  });
});

withHaproxy('HAProxy with odd services', () => {
  let haproxy: RealHaproxy;
  const servers: HttpServer[] = [];
  const instances: Server[] = [];

  beforeAll(async () => {
    haproxy = await RealHaproxy.onAnyPort();
    for (const number of [0, 1]) {
      const { server: one, port } = await namedServer(`instance ${number}`);
      servers.push(one);
      instances.push(server(number, { host: '127.0.0.1', port }));
    }
  });
  afterAll(async () => {
    await haproxy.end();
    for (const each of servers) each.close();
  }, 60_000);

  const one = (over: Parameters<typeof web>[1] = {}) =>
    web(instances.slice(0, 1), { bindPort: false, vhosts: ['one.test'], ...over });
  const two = (over: Parameters<typeof web>[1] = {}) =>
    web(instances.slice(1), {
      appId: '/two' as never,
      servicePort: 10_001,
      bindPort: false,
      vhosts: ['two.test'],
      ...over,
    });

  it('serves one that it has refused as soon as that asks for something else', async () => {
    haproxy.tell(one({ rules: { basicAuth: { realm: '', users: { ann: '$5$x' } } } }), two());
    haproxy.plane.start();
    await haproxy.inForce();
    expect(haproxy.plane.notServed).toEqual({ 10000: 'HAProxy does not take its configuration' });
    expect((await haproxy.ask('two.test')).status).toBe(200);
    haproxy.tell(one(), two());
    await waitFor(async () => (await haproxy.ask('one.test')).status === 200, patient);
    expect(haproxy.plane.notServed).toEqual({});
    expect(haproxy.notServed.at(-1)).toEqual({});
  }, 60_000);

  it('carries out the commands that come with one for a path that ends like a payload', async () => {
    const route = (host: string, path: string): Partial<Service> => ({ vhosts: [host], paths: [path] });
    haproxy.tell(one(route('one.test', '/a<<')), two(route('two.test', '/one')));
    await haproxy.inForce();
    const status = async (host: string, path: string): Promise<number> =>
      (await haproxy.ask(host, undefined, path)).status;
    await waitFor(async () => (await status('one.test', '/a<<')) === 200, patient);
    haproxy.tell(one(route('one.test', '/b')), two(route('two.test', '/two')));
    await haproxy.inForce();
    await waitFor(async () => (await status('two.test', '/two')) === 200, patient);
    expect(await status('one.test', '/a<<')).toBe(404);
    expect(await status('one.test', '/b')).toBe(200);
    expect(await status('two.test', '/one')).toBe(404);
  }, 60_000);

  it('takes headers without a value', async () => {
    haproxy.tell(one({ rules: { requestHeaders: { set: { 'x-empty': '', 'x-full': 'a' } } } }), two());
    await haproxy.inForce();
    expect((await haproxy.ask('one.test')).status).toBe(200);
    expect(haproxy.plane.notServed[10_000]).toBeUndefined();
  }, 60_000);
});
