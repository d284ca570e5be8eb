import fc from 'fast-check';
import { isJsonMediaType } from '../../src/api/decide/json-media-type.js';
import { originAllowed } from '../../src/api/decide/origin-allowed.js';
import { allowedAuthorities, hostAllowed } from '../../src/util/host-allowed.js';
import { ApiWorld, apiSettings } from './support/api-world.js';
import { record } from './support/fakes.js';

const here = { localAddress: '127.0.0.1', localPort: 8080, names: ['127.0.0.1', 'box.example'] };

describe('the Host header', () => {
  it.each(['127.0.0.1:8080', 'localhost:8080', 'LOCALHOST:8080', '[::1]:8080', 'box.example:8080'])(
    '%s is ours',
    (host) => {
      expect(hostAllowed({ ...here, host })).toBe(true);
    },
  );

  it.each([
    undefined,
    '',
    'localhost',
    'localhost:8081',
    'evil.example:8080',
    'localhost.evil.example:8080',
    'box.example.:8080',
    '127.0.0.1:8080.evil.example',
    '0.0.0.0:8080',
    '127.0.0.2:8080',
  ])('%s is not', (host) => {
    expect(hostAllowed({ ...here, host })).toBe(false);
  });

  it('on an address that is not loopback, localhost is a stranger and the address itself is known', () => {
    const outside = { localAddress: '::ffff:10.1.2.3', localPort: 80, names: ['0.0.0.0', ''] };
    expect([...allowedAuthorities(outside)].sort()).toEqual(['10.1.2.3', '10.1.2.3:80']);
  });

  describe('of a server on every interface, behind a port mapping it cannot see', () => {
    const published = {
      localAddress: '::ffff:172.17.0.2',
      localPort: 8080,
      names: ['0.0.0.0', 'box.example'],
    };
    it.each([
      'localhost:18080',
      'localhost',
      '127.0.0.1:8080',
      '[::1]:8080',
      '10.1.2.3:80',
      'box.example:8080',
    ])('%s is ours', (host) => {
      expect(hostAllowed({ ...published, host })).toBe(true);
    });
    it.each([
      'evil.example:8080',
      'localhost.evil.example',
      '127.0.0.1.evil.example:8080',
      '127.0.0.1:8080:1',
      '[evil.example]:8080',
      '[::1',
      'box.example:8081',
      '1.2.3:8080',
    ])('%s is not', (host) => {
      expect(hostAllowed({ ...published, host })).toBe(false);
    });
  });

  it('never accepts a name that was not configured, on one interface or all (property)', () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), (domain, port) => {
        fc.pre(domain !== 'box.example');
        expect(hostAllowed({ ...here, host: `${domain}:${port}` })).toBe(false);
        expect(hostAllowed({ ...here, names: ['0.0.0.0'], host: `${domain}:${port}` })).toBe(false);
      }),
    );
  });
});

describe('the page that a write comes from', () => {
  const authorities = allowedAuthorities(here);
  it.each([
    [undefined, undefined, true],
    ['http://localhost:8080', 'same-origin', true],
    [undefined, 'none', true],
    ['http://localhost:9080', undefined, false],
    ['http://localhost:9080', 'same-site', false],
    ['null', undefined, false],
    ['http://localhost:8080@evil.example', undefined, false],
    ['http://localhost:8080/', undefined, false],
    [undefined, 'cross-site', false],
  ])('Origin %s, Sec-Fetch-Site %s: %s', (origin, secFetchSite, allowed) => {
    expect(originAllowed({ origin, secFetchSite, authorities })).toBe(allowed);
  });
});

it.each([
  ['application/json', true],
  ['Application/JSON; charset=UTF-8', true],
  ['application/merge-patch+json', true],
  ['text/plain', false],
  ['application/x-www-form-urlencoded', false],
  ['multipart/form-data; boundary=x', false],
  ['text/plain; application/json', false],
  ['application/json; charset=latin1', false],
  ['', false],
])('a body of type "%s" is JSON: %s', (type, expected) => {
  expect(isJsonMediaType(type)).toBe(expected);
});

describe('the API behind a published port', () => {
  it('is used by the name that the mapping has, also by its own page, and by no other page', async () => {
    const world = await new ApiWorld().start({ settings: { ...apiSettings, address: '0.0.0.0' } });
    const host = 'localhost:18080';
    const restart = (origin: string) =>
      world.ask('POST', '/v2/apps/web/restart', { headers: { host, origin } });
    world.registry.put(record('/web'));
    expect((await world.ask('GET', '/v2/apps', { headers: { host } })).status).toBe(200);
    expect((await restart('http://localhost:18080')).status).toBe(200);
    expect((await restart('http://localhost:3000')).status).toBe(403);
    expect((await restart('http://10.1.2.3:18080')).status).toBe(403);
    await world.stop();
  });
});

describe('the API', () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = await new ApiWorld().start();
    world.registry.put(record('/web'));
  });
  afterEach(() => world.stop());

  it('refuses a foreign Host on reads and writes alike, even for /ping', async () => {
    for (const [method, path] of [
      ['GET', '/ping'],
      ['GET', '/v2/apps'],
      ['DELETE', '/v2/apps/web'],
    ] as const) {
      const answer = await world.ask(method, path, { headers: { host: `rebound.example:${world.port}` } });
      expect(answer.status).toBe(403);
      expect(answer.json['code']).toBe('foreign-host');
    }
    expect(world.registry.size).toBe(1);
  });

  it('refuses writes from other pages and changes nothing', async () => {
    const foreign: Record<string, string>[] = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const answer = await world.ask('DELETE', '/v2/apps/web', { headers });
      expect(answer.status).toBe(403);
      expect(answer.json['code']).toBe('foreign-origin');
    }
    expect(world.registry.size).toBe(1);
    const own = await world.ask('DELETE', '/v2/apps/web', {
      headers: { origin: `http://127.0.0.1:${world.port}` },
    });
    expect(own.status).toBe(200);
  });

  it('refuses write bodies that a web form could send', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const answer = await world.ask('POST', '/v2/apps', {
        body: '{"id":"/x"}',
        headers: { 'content-type': type },
      });
      expect(answer.status).toBe(415);
    }
    const restart = await world.ask('POST', '/v2/apps/web/restart', {
      headers: { 'content-type': 'text/plain' },
    });
    expect(restart.status).toBe(415);
    expect((await world.ask('POST', '/v2/apps/web/restart')).status).toBe(200);
  });

  it('sends the headers that keep answers uncached, unframed and unsniffed', async () => {
    for (const path of ['/v2/apps', '/nowhere']) {
      const { headers } = await world.ask('GET', path);
      expect(headers).toMatchObject({
        'cache-control': 'no-cache, no-store, must-revalidate',
        pragma: 'no-cache',
        expires: '0',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'x-marathon-leader': `http://127.0.0.1:${world.port}`,
      });
      expect(headers).not.toHaveProperty('x-powered-by');
    }
  });
});
