import fc from 'fast-check';
import { encrypt, verify } from 'unixcrypt';
import type { HttpRules } from '../../src/apps/port-routing.js';
import { silentLog } from '../../src/logging/log.js';
import { AccessGate } from '../../src/proxy/worker/http/rules/access-gate.js';
import { networkOf } from '../../src/proxy/worker/http/rules/basic-auth.js';
import { HeaderEdits } from '../../src/proxy/worker/http/rules/header-edits.js';
import { PasswordDesk } from '../../src/proxy/worker/http/rules/password-desk.js';
import { redirectOf } from '../../src/proxy/worker/http/rules/redirects.js';
import { restored, rewritten } from '../../src/proxy/worker/http/rules/rewrites.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { Backend, Plane, serverAt, service } from './rig.js';

describe('redirects', () => {
  const moved = { path: '/old', to: '/new', status: 301 } as const;

  it('go by the first beginning that the path has; the rest is appended where that is asked for', () => {
    const redirects = [
      { path: '/only', exact: true, to: '/here', status: 302 },
      { ...moved, keepRest: true },
      { path: '/old/x', to: '/never', status: 301 },
      { path: '/far', to: 'https://other.test/base/', keepRest: true, status: 308 },
    ] as const;
    const to = (target: string): string | undefined => redirectOf(redirects, target)?.location;
    expect(to('/old/x?y=1')).toBe('/new/x?y=1');
    expect(to('/only?z')).toBe('/here');
    expect(to('/only/more')).toBeUndefined();
    expect(to('/far/a')).toBe('https://other.test/base/a');
    expect(to('/other?/old')).toBeUndefined();
    expect(redirectOf([moved], '/old/x')).toEqual({ status: 301, location: '/new' });
  });

  it('to the very same target are none', () => {
    expect(redirectOf([{ to: '/new', status: 302 }], '/new')).toBeUndefined();
    expect(redirectOf([{ to: '/new', status: 302 }], '/x')).toBeDefined();
  });

  it('to a path never leave this host, whatever follows the beginning (property)', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[/\\a.:?]{0,12}$/), (rest) => {
        const found = redirectOf([{ path: '/p', to: '/', keepRest: true, status: 302 }], `/p${rest}`);
        expect(found?.location ?? '/').toMatch(/^\/([^/\\]|$)/);
      }),
    );
  });
});

describe('a rewrite', () => {
  it('changes whole segments only', () => {
    const rule = { from: '/api', to: '/' };
    expect(rewritten(rule, '/api/x?y')).toBe('/x?y');
    expect(rewritten(rule, '/api')).toBe('/');
    expect(rewritten(rule, '/api?y')).toBe('/?y');
    expect(rewritten(rule, '/apis')).toBe('/apis');
    expect(rewritten({ from: '/', to: '/deep/er' }, '/x')).toBe('/deep/er/x');
  });

  it('is turned back in a Location, for paths and for addresses of the very host', () => {
    const rule = { from: '/api', to: '/v2' };
    expect(restored(rule, '/v2/x', 'a.test')).toBe('/api/x');
    expect(restored(rule, 'http://A.test/v2?q', 'a.test')).toBe('http://A.test/api?q');
    expect(restored({ from: '/api', to: '/' }, 'https://a.test', 'a.test')).toBe('https://a.test/api/');
    for (const other of ['http://b.test/v2/x', '//b.test/v2', 'v2/x', '/v3', '/v22'])
      expect(restored(rule, other, 'a.test')).toBe(other);
  });

  it('and its turning back are each other’s inverse (property)', () => {
    const path = fc.stringMatching(/^(\/[ab]{1,2}){0,3}\/?$/).map((text) => text || '/');
    fc.assert(
      fc.property(path, path, fc.stringMatching(/^(\/[cd]{1,2}){1,3}$/), (from, to, rest) => {
        const asked = (from.endsWith('/') ? from.slice(0, -1) : from) + rest;
        expect(restored({ from, to }, rewritten({ from, to }, asked), 'h')).toBe(asked);
      }),
    );
  });
});

describe('header rules', () => {
  it('set in place of what is there and remove, in either case, every occurrence', () => {
    const edits = HeaderEdits.of({ set: { 'x-a': 'new' }, remove: ['x-gone'] });
    expect(edits?.apply('X-A: 1\r\nKept: x-a: 2\r\nx-gone: 1\r\nX-GONE: 2\r\nx-a: 3\r\n')).toBe(
      'Kept: x-a: 2\r\nX-A: new\r\n',
    );
  });

  it('never touch where messages end, nor bring lines of their own', () => {
    expect(
      HeaderEdits.of({
        set: { 'content-length': '0', 'x-a': 'b\r\nx-c: d', 'bad name': 'x', '': 'y', 'x-u': '\u{1F600}' },
        remove: ['Transfer-Encoding', 'connection'],
      }),
    ).toBeUndefined();
  });
});

describe('an access list', () => {
  it('denies first, then lets in whom it allows; without allowed blocks everybody else', () => {
    const gate = new AccessGate({ allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.1.0.0/16'] });
    expect(
      ['10.2.3.4', '10.1.2.3', '11.0.0.1', '2001:db8::1', '2001:db9::1', ''].map((a) => gate.admits(a)),
    ).toEqual([true, false, false, true, false, false]);
    const denying = new AccessGate({ deny: ['192.0.2.7', 'fe80::/10'] });
    expect(['192.0.2.7', '192.0.2.8', 'fe80::1%eth0', '::1'].map((a) => denying.admits(a))).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(new AccessGate({ allow: [] }).admits('192.0.2.7')).toBe(true);
  });

  it('keeps out whom it cannot tell', () => {
    expect(new AccessGate({ allow: ['10.0.0.0/64'] }).admits('10.0.0.1')).toBe(false);
    expect(new AccessGate({ deny: ['nonsense'] }).admits('10.0.0.1')).toBe(false);
  });
});

describe('passwords', () => {
  const auth = (hash: string): { realm: string; users: Record<string, string> } => ({
    realm: 'staff',
    users: { ann: hash },
  });
  const desk = (clock: VirtualClock, asked: string[], rightOne = 'right'): PasswordDesk =>
    new PasswordDesk(
      clock,
      async (password) => {
        asked.push(password);
        return password === rightOne;
      },
      silentLog,
    );

  it('are computed once each, whoever asks at the same time or later', async () => {
    const asked: string[] = [];
    const one = desk(new VirtualClock(), asked);
    const ask = (password: string, user = 'ann') => one.ask(auth('$6$h'), { user, password }, '192.0.2.1');
    expect(await Promise.all([ask('right'), ask('right'), ask('wrong')])).toEqual([
      'admitted',
      'admitted',
      'refused',
    ]);
    expect(ask('right')).toBe('admitted');
    expect(ask('wrong')).toBe('refused');
    expect(asked).toEqual(['right', 'wrong']);
    expect(await ask('right', 'nobody')).toBe('refused');
    expect(ask('right', 'nobody')).toBe('refused');
    expect(await one.ask(auth('$6$other'), { user: 'ann', password: 'right' }, '192.0.2.1')).toBe('admitted');
    expect(asked).toHaveLength(4);
    expect(one.ask(auth('$6$h'), { user: 'toString', password: 'x' }, '192.0.2.1')).toBeInstanceOf(Promise);
  });

  it('in the clear are compared at once', () => {
    const one = desk(new VirtualClock(), []);
    expect(one.ask(auth('{plain}s3:cret'), { user: 'ann', password: 's3:cret' }, '::1')).toBe('admitted');
    expect(one.ask(auth('{plain}s3:cret'), { user: 'ann', password: 's3' }, '::1')).toBe('refused');
    expect(one.ask(auth('{plain}s3'), { user: 'bob', password: 's3' }, '::1')).toBe('refused');
    expect(one.ask(auth('{plain}s3'), undefined, '::1')).toBe('refused');
  });

  it('that are wrong are bounded for each network, not for others nor for those that are known', async () => {
    const clock = new VirtualClock();
    const asked: string[] = [];
    const one = desk(clock, asked);
    const ask = (password: string, address: string) =>
      one.ask(auth('$5$h'), { user: 'ann', password }, address);
    expect(await ask('right', '2001:db8::1')).toBe('admitted');
    const all: unknown[] = [];
    for (let i = 0; i < 20; i++) all.push(await ask(`guess ${i}`, `2001:db8::${i + 1}`));
    expect(all.filter((each) => each === 'refused').length).toBeLessThanOrEqual(11);
    expect(all.at(-1)).toBe('too-many');
    expect(asked.length).toBeLessThanOrEqual(12);
    expect(ask('right', '2001:db8::1')).toBe('admitted');
    expect(await ask('guess', '2001:db8:0:1::1')).toBe('refused');
    await clock.advance(1_000);
    expect(await ask('another', '2001:db8::9')).toBe('refused');
  });

  it('wait for each other, so many at most', async () => {
    let running = 0;
    let most = 0;
    const one = new PasswordDesk(
      new VirtualClock(),
      async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((turn) => setImmediate(turn));
        running -= 1;
        return true;
      },
      silentLog,
    );
    const all = Array.from({ length: 100 }, (_, i) =>
      one.ask(auth('$6$h'), { user: 'ann', password: `p${i}` }, `192.0.2.${i}`),
    );
    expect(all.filter((each) => each === 'busy')).toHaveLength(36);
    expect(await all[0]).toBe('admitted');
    await Promise.all(all);
    expect(most).toBe(1);
  });

  it('that cannot be checked are wrong, and asked about again', async () => {
    let asked = 0;
    const one = new PasswordDesk(
      new VirtualClock(),
      async () => {
        asked += 1;
        throw new Error('no such hash');
      },
      silentLog,
    );
    const ask = () => one.ask(auth('$1$h'), { user: 'ann', password: 'x' }, '::1');
    expect([await ask(), await ask(), asked]).toEqual(['refused', 'refused', 2]);
  });

  it('are counted against an address, or against half an IPv6 address', () => {
    expect(
      ['192.0.2.1', '2001:db8:1:2:3::4', '2001:db8::4', '::1', '1:2:3:4:5:6:7:8'].map(networkOf),
    ).toEqual(['192.0.2.1', '2001:db8:1:2::/64', '2001:db8:0:0::/64', '0:0:0:0::/64', '1:2:3:4::/64']);
  });
});

describe('requests of a service with rules', () => {
  let plane: Plane | undefined;
  afterEach(async () => {
    await plane?.close();
    plane = undefined;
  });
  const start = async (rules: HttpRules, answer = '', more = {}): Promise<Backend> => {
    const backend = await Backend.answering('ok', answer);
    plane = await Plane.start([service([serverAt(backend.port)], { rules, ...more })]);
    plane.own(backend);
    return backend;
  };
  const ask = async (head: string, body = ''): Promise<string> => {
    const client = await (plane as Plane).client();
    client.send(`${head}\r\nHost: web.test\r\nConnection: close\r\n\r\n${body}`);
    return client.seesEnd();
  };
  const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString('base64')}`;

  it('are sent to TLS, but not when they came by it from another load balancer', async () => {
    const backend = await start({ redirectToHttps: true });
    expect(await ask('GET /a?b=c HTTP/1.1')).toMatch(
      /^HTTP\/1.1 301 Moved Permanently\r\n.*Location: https:\/\/web.test\/a\?b=c\r\n/s,
    );
    expect(await ask('GET / HTTP/1.1\r\nX-Forwarded-Proto: https')).toContain('200 OK');
    expect(backend.received).toContain('X-Forwarded-Proto: http\r\n');
  });

  it('are not sent from a service port to TLS, where nobody knows the host', async () => {
    await start({ redirectToHttps: true });
    const of = plane?.routes.service('/shop/web:10000')?.service;
    if (!of || !plane) throw new Error('no service');
    const client = await plane.client(await plane.openService(of));
    client.send('GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n');
    expect(await client.seesEnd()).toContain('200 OK');
  });

  it('are rewritten on the way there and back', async () => {
    const backend = await start(
      {
        rewrite: { from: '/api', to: '/', restoreLocation: true },
        requestHeaders: {
          set: { host: 'inner.test', 'x-from': 'lb' },
          remove: ['x-secret', 'x-forwarded-for'],
        },
        responseHeaders: { set: { 'x-frame-options': 'DENY' }, remove: ['server'] },
      },
      'Location: /login\r\nServer: ours\r\nx-frame-options: ALLOW\r\n',
    );
    const answer = await ask('GET /api/x HTTP/1.1\r\nX-Secret: 1\r\nx-from: me');
    expect(answer).toMatch(
      /^HTTP\/1.1 200 OK\r\nLocation: \/api\/login\r\nX-Frame-Options: DENY\r\nContent-L/,
    );
    expect(answer).not.toContain('Server');
    expect(backend.received).toMatch(/^GET \/x HTTP\/1.1\r\n/);
    expect(backend.received).toContain('Host: inner.test\r\nX-From: lb\r\n');
    for (const gone of ['Host: web.test\r\nX-From', 'Secret', 'x-from: me', 'X-Forwarded-For'])
      expect(backend.received).not.toContain(gone);
    expect(backend.received).toContain('X-Forwarded-Host: web.test\r\n');
  });

  it('say nothing of the client where that is not wanted', async () => {
    const backend = await start({ noForwardedHeaders: true });
    await ask('GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4');
    expect(backend.received).not.toMatch(/forwarded/i);
  });

  it('need a password where one is asked for; the next request of the connection waits meanwhile', async () => {
    const hash = encrypt('s3cret', '$5$rounds=1000$salt');
    expect(verify('s3cret', hash)).toBe(true);
    const backend = await start({ basicAuth: { realm: 'the "staff"', users: { ann: hash } } });
    expect(await ask('GET / HTTP/1.1')).toMatch(
      /^HTTP\/1.1 401 .*X-Longrun-Error: unauthorized\r\nWWW-Authenticate: Basic realm="the \\"staff\\"", charset="UTF-8"\r\n/s,
    );
    expect(await ask(`GET / HTTP/1.1\r\n${basic('ann:wrong')}`)).toMatch(/^HTTP\/1.1 401 /);
    expect(await ask(`GET / HTTP/1.1\r\n${basic('bob:s3cret')}`)).toMatch(/^HTTP\/1.1 401 /);
    expect(await ask(`GET / HTTP/1.1\r\n${basic('ann:s3cret')}\r\n${basic('ann:s3cret')}`)).toMatch(/ 401 /);
    expect(backend.received).toBe('');
    const client = await (plane as Plane).client();
    const request = (path: string, more = '', body = ''): string =>
      `POST ${path} HTTP/1.1\r\nHost: web.test\r\n${basic('ann:s3cret')}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
    client.send(request('/first', '', 'one body').slice(0, -4));
    client.send(`body${request('/second', 'Connection: close\r\n')}`);
    const both = await client.seesEnd();
    expect(both.split('HTTP/1.1 200 OK')).toHaveLength(3);
    expect(backend.received).toMatch(/^POST \/first .*\r\n\r\none bodyPOST \/second /s);
  });

  it('come only from where they may, in mode tcp, too', async () => {
    await start({}, '', { access: { deny: ['127.0.0.0/8'] } });
    expect(await ask('GET / HTTP/1.1')).toMatch(/^HTTP\/1.1 403 Forbidden\r\n.*X-Longrun-Error: denied\r\n/s);
    const backend = await Backend.answering('tcp');
    const of = service([serverAt(backend.port)], {
      mode: 'tcp',
      vhosts: [],
      access: { allow: ['10.0.0.0/8'] },
    });
    plane?.serve([of]);
    plane?.own(backend);
    const client = await (plane as Plane).client(await plane?.openService(of));
    client.send('GET / HTTP/1.1\r\n\r\n');
    expect(await client.seesEnd()).toBe('');
    expect(backend.connections).toBe(0);
  });

  it('follow rules that change, from the next request on', async () => {
    const backend = await start({ redirects: [{ to: '/new', status: 302 }] });
    expect(await ask('GET / HTTP/1.1')).toContain('302 Found');
    plane?.serve([service([serverAt(backend.port)], {})]);
    expect(await ask('GET / HTTP/1.1')).toContain('200 OK');
  });
});
