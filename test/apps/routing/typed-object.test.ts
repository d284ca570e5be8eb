import { appDiff } from '../../../src/apps/decide/app-diff.js';
import { appRouting, portRouting } from '../../../src/apps/decide/port-routing.js';
import { routingWarnings } from '../../../src/apps/decide/routing-warnings.js';
import { presentApp } from '../../../src/apps/present-app.js';
import { AppWorld, findings, refusal } from '../support/app-world.js';

const hash = `$5$rounds=5000$salt$${'b'.repeat(43)}`;
const web = { id: '/web', cmd: './run', portDefinitions: [{ port: 0, name: 'web' }] };
const everything = {
  drainSeconds: 12.5,
  groups: ['external'],
  deploymentGroup: 'shop',
  ports: [
    {
      portName: 'web',
      enabled: true,
      mode: 'http',
      port: 9_000,
      vhosts: ['Shop.example.com', '*.example.org'],
      paths: ['/Cart'],
      ignorePathCase: true,
      match: { headers: { 'X-Beta': '1' }, cookies: { who: '*' } },
      balance: { algorithm: 'header', header: 'X-User', hashBalanceFactor: 150 },
      sticky: true,
      weight: 10,
      slowStartSeconds: 30,
      timeouts: { connectSeconds: 0.25, serverSeconds: 60, clientFinSeconds: 1 },
      retries: { count: 1, on: ['503', 'empty-response'] },
      ejection: { failures: 3, baseSeconds: 1, longestSeconds: 30, panicThreshold: 0.5 },
      limits: {
        connectionsPerServer: 50,
        queueLength: 100,
        requestsPerSecond: 10,
        burst: 5,
        requestsUnderWay: 500,
      },
      allow: ['10.0.0.0/8'],
      deny: ['10.1.2.3'],
      basicAuth: { realm: 'shop', users: { me: hash } },
      redirects: [{ path: '/old', to: '/new', keepRest: true, status: 308 }],
      redirectToHttps: true,
      hsts: { maxAgeSeconds: 60, includeSubdomains: true },
      rewrite: { from: '/cart', to: '/', restoreLocation: true },
      requestHeaders: { set: { 'X-Shop': 'a' }, remove: ['X-Debug'] },
      responseHeaders: { remove: ['Server'] },
      forwardedHeaders: false,
      proxyProtocol: { accept: true, send: 'v2' },
      serverProtocol: 'h2c',
      tls: { certificates: ['shop'], clientAuthorities: ['company'] },
      bindAddress: '10.0.0.1',
    },
  ],
};

describe('the typed object', () => {
  it('is answered back as it was given, and says everything about a port', async () => {
    const world = new AppWorld();
    const { app } = await world.post({ ...web, loadBalancer: everything });
    expect(presentApp(app).loadBalancer).toEqual(everything);
    expect(portRouting(app, 0)).toEqual({
      enabled: true,
      mode: 'http',
      port: 9_000,
      groups: ['external'],
      deploymentGroup: 'shop',
      vhosts: ['shop.example.com', '*.example.org'],
      paths: ['/cart'],
      ignorePathCase: true,
      match: { headers: { 'x-beta': '1' }, cookies: { who: '*' } },
      balance: 'header',
      balanceHeader: 'x-user',
      hashBalanceFactor: 150,
      sticky: true,
      weight: 10,
      slowStartMs: 30_000,
      timeouts: { connectMs: 250, serverMs: 60_000, clientFinMs: 1_000 },
      retry: { retries: 1, on: ['503', 'empty-response'] },
      ejection: { failures: 3, baseMs: 1_000, longestMs: 30_000, panicThreshold: 0.5 },
      limits: {
        connectionsPerServer: 50,
        queueLength: 100,
        requestsPerSecond: 10,
        burst: 5,
        requestsUnderWay: 500,
      },
      access: { allow: ['10.0.0.0/8'], deny: ['10.1.2.3'] },
      rules: {
        basicAuth: { realm: 'shop', users: { me: hash } },
        redirects: [{ path: '/old', to: '/new', keepRest: true, status: 308 }],
        redirectToHttps: true,
        hsts: 'max-age=60; includeSubDomains',
        rewrite: { from: '/cart', to: '/', restoreLocation: true },
        requestHeaders: { set: { 'x-shop': 'a' }, remove: ['x-debug'] },
        responseHeaders: { remove: ['server'] },
        noForwardedHeaders: true,
      },
      proxyProtocol: { accept: true, send: 'v2' },
      serverProtocol: 'h2c',
      tls: { certificates: ['shop'], clientAuthorities: ['company'] },
      bindAddress: '10.0.0.1',
    });
  });

  it('sent back changes nothing; a change of it restarts nothing', async () => {
    const world = new AppWorld();
    const before = await world.post({ ...web, loadBalancer: everything });
    const { version, versionInfo, ...sent } = presentApp(before.app);
    expect(await world.put('/web', sent, false)).toBe(before);
    const after = await world.patch('/web', { loadBalancer: { ports: [{ vhosts: ['other.test'] }] } });
    expect(after).not.toBe(before);
    expect(after?.launchHash).toBe(before.launchHash);
  });

  it('keeps nothing of nulls and of what is empty; a port without a name is that of its place', async () => {
    const world = new AppWorld();
    const given = {
      groups: [],
      drainSeconds: null,
      ports: [{ vhosts: [], tls: {}, limits: { burst: null }, portIndex: null }],
    };
    expect((await world.post({ ...web, loadBalancer: given })).app.loadBalancer).toEqual({
      ports: [{ portIndex: 0 }],
    });
    expect((await world.patch('/web', { loadBalancer: {} }))?.app.loadBalancer).toBeUndefined();
  });

  it('counts where a label says something else, which is told', async () => {
    const world = new AppWorld();
    const { app } = await world.post({
      ...web,
      labels: {
        HAPROXY_0_VHOST: 'label.test',
        HAPROXY_0_STICKY: 'true',
        HAPROXY_0_BALANCE: 'leastconn',
        HAPROXY_0_BACKEND_HEAD: 'timeout server 5s\ntimeout client 7s',
      },
      loadBalancer: {
        ports: [
          { vhosts: ['typed.test'], balance: { algorithm: 'leastconn' }, timeouts: { serverSeconds: 9 } },
        ],
      },
    });
    expect(portRouting(app, 0)).toMatchObject({
      vhosts: ['typed.test'],
      sticky: true,
      timeouts: { serverMs: 9_000, clientMs: 7_000 },
    });
    expect(routingWarnings(app).map(({ label }) => label)).toEqual([
      'HAPROXY_0_VHOST',
      'HAPROXY_0_BACKEND_HEAD',
    ]);
  });

  it('makes a port speak http that asks for what only HTTP knows', async () => {
    const world = new AppWorld();
    const { app } = await world.post({ ...web, loadBalancer: { ports: [{ redirectToHttps: true }] } });
    expect(appRouting(app).ports[0]?.mode).toBe('http');
  });

  it('never shows the hashes of passwords in a difference', async () => {
    const world = new AppWorld();
    const before = await world.post({ ...web, labels: { HAPROXY_0_AUTH: `shop:me:${hash}` } });
    const after = await world.patch('/web', { labels: {}, loadBalancer: everything });
    const text = JSON.stringify(after && appDiff(before, after, false));
    expect(text).toContain('/labels/HAPROXY_0_AUTH');
    expect(text).toContain('"me":"***"');
    expect(text).not.toContain('$5$');
  });
});

describe('what is refused of it', () => {
  const refused = async (port: object, rest: object = {}) => {
    const error = await refusal(() =>
      new AppWorld().post({ ...web, loadBalancer: { ...rest, ports: [port] } }),
    );
    return [error.status, Object.keys(findings(error))];
  };
  const at = (path: string) => `/loadBalancer/ports(0)${path}`;

  it.each<[object, string]>([
    [{ vhosts: ['a b'] }, '/vhosts(0)'],
    [{ vhosts: ['a.test', 'http://a'] }, '/vhosts(1)'],
    [{ paths: ['api'] }, '/paths(0)'],
    [{ portIndex: 1 }, '/portIndex'],
    [{ portName: 'other' }, '/portName'],
    [{ portName: 'web', portIndex: 0 }, '/portIndex'],
    [{ mode: 'tcp', sticky: true }, '/sticky'],
    [{ mode: 'tcp', balance: { algorithm: 'uri' } }, '/balance/algorithm'],
    [{ groups: ['a b'] }, '/groups(0)'],
    [{ match: { headers: { 'a b': 'x' } } }, '/match/headers/a b'],
    [{ match: { cookies: { who: 'a;b' } } }, '/match/cookies/who'],
    [{ balance: { algorithm: 'header' } }, '/balance/header'],
    [{ balance: { header: 'x' } }, '/balance/header'],
    [{ balance: { algorithm: 'uri', hashBalanceFactor: 100 } }, '/balance/hashBalanceFactor'],
    [{ balance: { hashBalanceFactor: 150 } }, '/balance/hashBalanceFactor'],
    [{ limits: { burst: 5 } }, '/limits/burst'],
    [{ limits: { queueLength: 5 } }, '/limits/queueLength'],
    [{ ejection: { baseSeconds: 5, longestSeconds: 1 } }, '/ejection/longestSeconds'],
    [{ basicAuth: { realm: 'a"b', users: { me: hash } } }, '/basicAuth/realm'],
    [{ basicAuth: { realm: 'a', users: { 'a:b': hash } } }, '/basicAuth/users'],
    [{ basicAuth: { realm: 'a', users: { me: 'secret' } } }, '/basicAuth/users/me'],
    [{ allow: ['10.0.0.0/33'] }, '/allow(0)'],
    [{ deny: ['example.com'] }, '/deny(0)'],
    [{ redirects: [{ to: 'ftp://x' }] }, '/redirects(0)/to'],
    [{ redirects: [{ to: '/a' }] }, '/redirects(0)/to'],
    [{ redirects: [{ path: '/a', to: '/a/b' }] }, '/redirects(0)/to'],
    [{ redirects: [{ to: 'https://x.test/', exact: true }] }, '/redirects(0)/exact'],
    [{ rewrite: { from: 'a', to: '/' } }, '/rewrite/from'],
    [{ requestHeaders: { set: { 'Content-Length': '1' } } }, '/requestHeaders/set/Content-Length'],
    [{ responseHeaders: { set: { 'X-A': 'a\r\nb' } } }, '/responseHeaders/set/X-A'],
    [{ bindAddress: 'eth0' }, '/bindAddress'],
    // By its shape:
    [{ vhost: ['a.test'] }, '/vhost'],
    [{ weight: 257 }, '/weight'],
    [{ retries: { on: ['404'] } }, '/retries/on(0)'],
    [{ timeouts: { serverSeconds: 0 } }, '/timeouts/serverSeconds'],
  ])('%j', async (port, path) => {
    expect(await refused(port)).toEqual([422, [at(path)]]);
  });

  it('one port said twice', async () => {
    const error = await refusal(() =>
      new AppWorld().post({ ...web, loadBalancer: { ports: [{ portIndex: 0 }, { portName: 'web' }] } }),
    );
    expect(Object.keys(findings(error))).toEqual(['/loadBalancer/ports(1)']);
  });
});

describe('what the load balancer in use cannot do', () => {
  it('is refused where it is asked for, and let be where it is there already', async () => {
    const all = new AppWorld();
    const limited = { ...web, loadBalancer: { ports: [{ limits: { requestsUnderWay: 5 } }] } };
    await all.post(limited);
    const world = new AppWorld({
      store: all.store,
      cannotRoute: ({ routing, protocol }) => [
        ...(routing.limits?.requestsUnderWay
          ? [{ member: 'limits.requestsUnderWay', why: 'Leave it out.' }]
          : []),
        ...(protocol === 'udp' ? [{ member: 'udp', why: 'Use another.' }] : []),
      ],
    });
    await world.registry.load();
    const error = await refusal(() => world.post({ ...limited, id: '/other' }));
    expect([error.status, error.code, findings(error)]).toEqual([
      422,
      'unsupported',
      { '/loadBalancer/ports(0)': ['limits.requestsUnderWay is not supported by this load balancer'] },
    ]);
    expect((await world.patch('/web', { instances: 2 }))?.app.instances).toBe(2);
    const udp = { id: '/dns', cmd: 'x', portDefinitions: [{ port: 53, protocol: 'udp' }] };
    expect(Object.keys(findings(await refusal(() => world.post(udp))))).toEqual(['/portDefinitions(0)']);
  });
});

describe('labels that cannot be read', () => {
  it('are refused at POST, with the label, what is allowed and a hint', async () => {
    const error = await refusal(() => new AppWorld().post({ ...web, labels: { HAPROXY_0_MODE: 'smtp' } }));
    expect([error.code, error.details]).toEqual([
      'invalid-object',
      [
        {
          path: '/labels/HAPROXY_0_MODE',
          errors: ['got "smtp", expected http or tcp'],
          code: 'label',
          hint: expect.stringContaining('http'),
        },
      ],
    ]);
  });

  it('are let be in a stored app when something else is changed, and refused when they change', async () => {
    const world = new AppWorld();
    const { app } = await world.post({ ...web, labels: { HAPROXY_0_MODE: 'tcp' } });
    const old = {
      ...world.get('/web'),
      app: { ...app, labels: { HAPROXY_0_MODE: 'smtp', HAPROXY_0_PORT: '0' } },
    };
    world.registry.apply([{ appId: app.id, before: world.get('/web'), after: old }]);
    expect((await world.patch('/web', { instances: 3 }))?.app.instances).toBe(3);
    expect(
      findings(
        await refusal(() => world.patch('/web', { labels: { HAPROXY_0_MODE: 'imap', HAPROXY_0_PORT: '0' } })),
      ),
    ).toEqual({ '/labels/HAPROXY_0_MODE': [expect.any(String)] });
  });
});
