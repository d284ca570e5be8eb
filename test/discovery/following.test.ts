import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppId } from '../../src/apps/app.js';
import type { AppEndpoints } from '../../src/discovery/endpoint.js';
import { NameServer } from '../../src/discovery/name-server.js';
import { NamesFeed } from '../../src/discovery/names-feed.js';
import type { NamesMessage } from '../../src/discovery/names-message.js';
import { silentLog } from '../../src/logging/log.js';
import type { Instance } from '../../src/scheduler/instance.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { waitFor } from '../support/wait-for.js';
import { Pool, running } from './support/pool.js';

describe('the book of endpoints', () => {
  it('has of an app without checks what runs, and of one with checks what is healthy', async () => {
    const pool = new Pool();
    const healthy = { health: { taskId: 'b-task', healthy: true } } as unknown as Partial<Instance>;
    pool.set('/plain', [
      running('a', '10.0.0.1'),
      running('b', '10.0.0.2', { condition: 'Staging' } as never),
    ]);
    pool.set('/checked', [running('a', '10.0.0.1'), running('b', '10.0.0.2', healthy)], {
      healthChecks: [{ protocol: 'HTTP', path: '/', portIndex: 0 }],
    });
    pool.book.start();
    await pool.settle();
    expect(pool.ips('/plain')).toEqual(['10.0.0.1']);
    expect(pool.ips('/checked')).toEqual(['10.0.0.2']);
    expect(pool.book.ofApp('/plain' as AppId).endpoints[0]?.ports).toEqual([
      { number: 31000, protocol: 'tcp', name: 'http' },
    ]);
    pool.remove('/plain');
    await pool.settle();
    expect([...pool.book.all()].map(({ appId }) => appId)).toEqual(['/checked']);
    pool.book.stop();
  });

  it('leaves out what is being taken out', async () => {
    const pool = new Pool();
    pool.set('/web', [running('a', '10.0.0.1', { takingOut: { phase: 'draining' } } as never)]);
    pool.book.start();
    await pool.settle();
    expect(pool.ips('/web')).toEqual([]);
    pool.book.stop();
  });

  it('finds the addresses of agents that are known by name, keeps them while nobody answers, and follows a move', async () => {
    const pool = new Pool();
    pool.set('/web', [running('a', 'node1.example')]);
    pool.book.start();
    await pool.settle();
    expect(pool.ips('/web')).toEqual([]);
    pool.addresses.set('node1.example', '10.0.0.7');
    await pool.settle(6_000);
    expect(pool.ips('/web')).toEqual(['10.0.0.7']);
    pool.addresses.delete('node1.example');
    await pool.settle(70_000);
    expect(pool.ips('/web')).toEqual(['10.0.0.7']);
    pool.addresses.set('node1.example', '10.0.0.8');
    await pool.settle(70_000);
    expect(pool.ips('/web')).toEqual(['10.0.0.8']);
    pool.book.stop();
  });
});

describe('the feed of names', () => {
  it('tells a follower nothing before everything is known, then everything, then changes', async () => {
    const pool = new Pool();
    for (let n = 0; n < 450; n++) pool.set(`/app-${n}`, [running(`i${n}`, '10.0.0.1')]);
    const feed = new NamesFeed({ book: pool.book, leader: { address: '10.0.0.9', port: 5050 } });
    const told: NamesMessage[] = [];
    pool.book.start();
    feed.start();
    const end = feed.follow((message) => told.push(message));
    await pool.settle(1);
    expect([pool.book.complete, told.length]).toEqual([false, 0]);
    await pool.settle();
    expect(told.map(({ series, apps }) => [series, apps.length])).toEqual([
      ['first', 200],
      [undefined, 200],
      ['last', 50],
    ]);
    expect(told[0]?.leader).toEqual({ address: '10.0.0.9', port: 5050 });
    pool.set('/app-3', []);
    await pool.settle();
    expect(told.at(-1)).toEqual({ type: 'NAMES', apps: [{ appId: '/app-3', endpoints: [] }] });
    end();
    pool.set('/app-4', []);
    await pool.settle();
    expect(told).toHaveLength(4);
    feed.stop();
    pool.book.stop();
  });
});

describe('the name server', () => {
  const clock = new SystemClock();
  const dir = mkdtempSync(join(tmpdir(), 'longrun-names-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const make = (bootId = 'boot-1'): NameServer =>
    new NameServer({
      settings: {
        address: '127.0.0.1',
        dnsPort: 0,
        httpPort: 0,
        domain: 'mesos',
        ttl: 5,
        version: '9.9',
        resolvers: [],
      },
      cacheFile: join(dir, 'names.json'),
      bootId,
      hostAllowed: (host) => host.startsWith('127.0.0.1:'),
      clock,
      dice: new SystemDice(),
      log: silentLog,
    });
  const app = (id: string, ip: string): AppEndpoints => ({
    appId: id as AppId,
    endpoints: [
      { taskId: `${id}-1`, agentId: 'x-S0', ip, agentIp: ip, ports: [{ number: 31000, protocol: 'tcp' }] },
    ],
  });
  const get = (port: number, path: string, host = `127.0.0.1:${port}`, method = 'GET') =>
    new Promise<{ status: number; body: unknown }>((resolve, reject) => {
      request({ port, path, method, headers: { host } }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) }),
        );
      })
        .on('error', reject)
        .end();
    });

  it('forgets at the end of a series what it did not name, and nothing before', () => {
    const server = make();
    const has = (name: string): boolean => server.zone.lookup(`${name}.marathon.mesos`) !== undefined;
    server.apply({ type: 'NAMES', series: 'only', apps: [app('/a', '10.0.0.1'), app('/b', '10.0.0.2')] });
    server.apply({ type: 'NAMES', series: 'first', apps: [app('/c', '10.0.0.3')] });
    expect([has('a'), has('b'), has('c')]).toEqual([true, true, true]);
    server.apply({ type: 'NAMES', series: 'last', apps: [app('/b', '10.0.0.2')] });
    expect([has('a'), has('b'), has('c')]).toEqual([false, true, true]);
    void server.stop();
  });

  it('answers Mesos-DNS’s HTTP questions, and refuses other methods, hosts and paths', async () => {
    const server = make();
    server.apply({
      type: 'NAMES',
      series: 'only',
      apps: [app('/shop/cart', '10.0.0.1')],
      leader: { address: '10.0.0.9', port: 5050 },
    });
    const { http } = await server.listen();
    const found = await get(http, '/v1/hosts/cart.shop.marathon.mesos');
    expect(found).toEqual({ status: 200, body: [{ host: 'cart.shop.marathon.mesos.', ip: '10.0.0.1' }] });
    expect((await get(http, '/v1/hosts/leader.mesos.')).body).toEqual([
      { host: 'leader.mesos.', ip: '10.0.0.9' },
    ]);
    expect((await get(http, '/v1/hosts/nobody.mesos')).body).toEqual([{ host: '', ip: '' }]);
    expect((await get(http, '/v1/services/_cart.shop._tcp.marathon.mesos')).body).toEqual([
      {
        service: '_cart.shop._tcp.marathon.mesos',
        host: expect.stringMatching(/^cart-shop-[a-z0-9]{5}-s0\.marathon\.mesos\.$/),
        ip: '10.0.0.1',
        port: '31000',
      },
    ]);
    const { frameworks } = (await get(http, '/v1/enumerate')).body as {
      frameworks: { name: string; tasks: { id: string; records: unknown[] }[] }[];
    };
    expect(frameworks.map(({ name, tasks }) => [name, tasks.map(({ id }) => id)])).toEqual([
      ['marathon', ['/shop/cart-1']],
    ]);
    expect((await get(http, '/v1/version')).body).toMatchObject({ Service: 'longrun', Version: '9.9' });
    expect((await get(http, '/v1/config')).body).toMatchObject({ domain: 'mesos', ttl: 5 });
    expect((await get(http, '/v1/hosts/%ff')).status).toBe(400);
    expect((await get(http, '/v1/other')).status).toBe(404);
    expect((await get(http, '/v1/version', 'evil.example')).status).toBe(403);
    expect((await get(http, '/v1/version', undefined, 'POST')).status).toBe(405);
    await server.stop();
  });

  it('knows after a restart what it was told before, but not after a reboot', async () => {
    const first = make();
    first.apply({ type: 'NAMES', series: 'only', apps: [app('/kept', '10.0.0.4')] });
    await waitFor(
      () => {
        const again = make();
        again.load();
        return again.zone.lookup('kept.marathon.mesos') !== undefined;
      },
      { what: 'the cache to be written' },
    );
    const rebooted = make('boot-2');
    rebooted.load();
    expect(rebooted.zone.lookup('kept.marathon.mesos')).toBeUndefined();
    await first.stop();
  });
});
