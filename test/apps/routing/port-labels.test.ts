import fc from 'fast-check';
import { appRouting, portRouting } from '../../../src/apps/decide/port-routing.js';
import { DEFAULT_HSTS, portLabelNames } from '../../../src/apps/decide/routing/port-labels.js';
import { record } from '../../proxy/world.js';

const hash = `$6$salt$${'a'.repeat(86)}`;
const app = (labels: Record<string, string>) => record({ id: '/a', labels }).app;
const routed = (labels: Record<string, string>) => portRouting(app(labels), 0);
const found = (labels: Record<string, string>) =>
  appRouting(app(labels)).findings.map(({ label, kind }) => [label, kind]);
const label = (name: string, value: string) => ({ [`HAPROXY_0_${name}`]: value });

describe('a label of a port', () => {
  it.each<[string, string, object]>([
    ['ENABLED', 'No', { enabled: false }],
    ['ENABLED', ' TRUE ', { enabled: true }],
    ['VHOST', 'A.test, *.B.test,,a.test', { vhosts: ['a.test', '*.b.test'] }],
    ['PATH', '/api  /v2', { paths: ['/api', '/v2'], ignorePathCase: false }],
    ['PATH', '-i /API /api', { paths: ['/api'], ignorePathCase: true }],
    ['PORT', ' 9000 ', { port: 9_000 }],
    ['MODE', 'HTTP', { mode: 'http' }],
    ['GROUP', 'edge,  inner', { groups: ['edge', 'inner'] }],
    ['BALANCE', 'leastconn', { balance: 'leastconn' }],
    ['BALANCE', 'Static-RR', { balance: 'roundrobin' }],
    ['BALANCE', 'random(2)', { balance: 'random' }],
    ['BALANCE', 'hdr(X-User)', { balance: 'header', balanceHeader: 'x-user' }],
    ['BALANCE', 'uri whole', { balance: 'uri' }],
    ['STICKY', 'yes', { sticky: true }],
    ['REDIRECT_TO_HTTPS', 'true', { rules: { redirectToHttps: true } }],
    ['USE_HSTS', 'on', { rules: { hsts: DEFAULT_HSTS } }],
    ['SSL_CERT', '/etc/a.pem, shop', { tls: { certificates: ['/etc/a.pem', 'shop'] } }],
    ['BIND_ADDR', '*', { bindAddress: '0.0.0.0' }],
    ['BIND_ADDR', '2001:db8::1', { bindAddress: '2001:db8::1' }],
    [
      'BIND_OPTIONS',
      'ssl crt a.pem ca-file ca.pem verify required accept-proxy',
      {
        proxyProtocol: { accept: true },
        tls: { certificates: ['a.pem'], clientAuthorities: ['ca.pem'] },
      },
    ],
    ['AUTH', `shop:me:${hash}`, { rules: { basicAuth: { realm: 'shop', users: { me: hash } } } }],
    [
      'BACKEND_NETWORK_ALLOWED_ACL',
      '127.0.0.1/8 172.31.0.0/16',
      { access: { allow: ['127.0.0.1/8', '172.31.0.0/16'] } },
    ],
    ['HTTP_BACKEND_PROXYPASS_PATH', '/app', { rules: { rewrite: { from: '/app', to: '/' } } }],
    [
      'HTTP_BACKEND_REDIR',
      '/start',
      { rules: { redirects: [{ path: '/', exact: true, to: '/start', status: 301 }] } },
    ],
    ['BACKEND_HEALTHCHECK_PORT_INDEX', '1', { healthCheckPortIndex: 1 }],
  ])('%s: %s', (name, value, expected) => {
    expect(routed(label(name, value))).toMatchObject(expected);
    expect(found(label(name, value)).filter(([, kind]) => kind === 'malformed')).toEqual([]);
  });

  it.each([
    ['ENABLED', 'perhaps'],
    ['VHOST', 'https://a.test/x'],
    ['PATH', 'api'],
    ['PORT', '70000'],
    ['MODE', 'smtp'],
    ['BALANCE', 'fastest'],
    ['STICKY', '2'],
    ['REDIRECT_TO_HTTPS', 'https'],
    ['BIND_ADDR', 'eth0'],
    ['AUTH', 'shop:me:secret'],
    ['AUTH', 'shop:me'],
    ['BACKEND_WEIGHT', 'heavy'],
    ['BACKEND_NETWORK_ALLOWED_ACL', '10.0.0.0/40'],
    ['HTTP_BACKEND_PROXYPASS_PATH', 'app'],
    ['HTTP_BACKEND_REDIR', 'javascript:x'],
    ['BACKEND_HEALTHCHECK_PORT_INDEX', 'first'],
  ])('%s: %s cannot be read, and counts as absent', (name, value) => {
    expect(found(label(name, value))).toEqual([[`HAPROXY_0_${name}`, 'malformed']]);
    expect(routed(label(name, value))).toEqual(routed({}));
  });

  it('is absent when it is blank, for every one of them', () => {
    for (const name of portLabelNames) expect([name, found(label(name, ' \n'))]).toEqual([name, []]);
  });

  it('counts as far as it can be read when it is a list', () => {
    expect(routed(label('VHOST', 'a.test, b c/d'))).toMatchObject({ vhosts: ['a.test', 'b'] });
    expect(found(label('VHOST', 'a.test, c/d'))).toEqual([['HAPROXY_0_VHOST', 'malformed']]);
  });

  it('restores Location only with the path that is taken off', () => {
    const pass = label('HTTP_BACKEND_PROXYPASS_PATH', '/app');
    const both = { ...pass, ...label('HTTP_BACKEND_REVPROXY_PATH', '/app') };
    expect(routed(both).rules?.rewrite).toEqual({ from: '/app', to: '/', restoreLocation: true });
    expect(found(both)).toEqual([]);
    expect(found(label('HTTP_BACKEND_REVPROXY_PATH', '/app'))).toEqual([
      ['HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH', 'unheeded'],
    ]);
  });

  it('never throws and never yields a host, path or port that is none (property)', () => {
    const name = fc.constantFrom(...portLabelNames, 'BACKEND_HEAD', 'BACKEND_SERVER_OPTIONS');
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[-a-z0-9/*.,:$ ()"'\\\n{}%]{0,60}$/),
    );
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 6 }), (labels) => {
        const routing = routed(
          Object.fromEntries(Object.entries(labels).map(([key, text]) => [`HAPROXY_0_${key}`, text])),
        );
        for (const host of routing.vhosts) expect(host).toMatch(/^(\*\.)?[a-z0-9._-]+$/);
        for (const path of routing.paths) expect(path).toMatch(/^\/[!-~]*$/);
        if (routing.port !== undefined) expect(routing.port).toBeGreaterThan(0);
        for (const side of ['requestHeaders', 'responseHeaders'] as const)
          for (const [field, text] of Object.entries(routing.rules?.[side]?.set ?? {}))
            expect(`${field}: ${text}`).not.toMatch(/[\r\n\0]/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('templates of HAProxy’s language', () => {
  const read = (name: string, ...lines: string[]) => {
    const labels = label(name, lines.join('\n'));
    return { routing: routed(labels), findings: appRouting(app(labels)).findings.map(({ text }) => text) };
  };

  it('count where a line has a typed meaning', () => {
    const { routing, findings } = read(
      'BACKEND_HEAD',
      'backend {backend}',
      '  balance {balance}',
      '  mode {mode}',
      '  timeout server 5m  # slow reports',
      '  timeout connect 2500',
      '  retries 1',
      '  retry-on conn-failure 503',
      '  http-request set-header X-Shop "a b"',
      '  http-response del-header Server',
      '  rspadd X-Frame-Options:\\ DENY',
      '  reqidel ^X-Debug:.*',
      '  option httpchk GET /health',
      '  redirect prefix https://new.test code 308',
    );
    expect(findings).toEqual([]);
    expect(routing).toMatchObject({
      timeouts: { serverMs: 300_000, connectMs: 2_500 },
      retry: { retries: 1, on: ['503'] },
      rules: {
        requestHeaders: { set: { 'x-shop': 'a b' }, remove: ['x-debug'] },
        responseHeaders: { set: { 'x-frame-options': 'DENY' }, remove: ['server'] },
        redirects: [{ path: '/', to: 'https://new.test/', keepRest: true, status: 308 }],
      },
    });
  });

  it('are told line by line where they have none', () => {
    const { routing, findings } = read(
      'BACKEND_HEAD',
      'timeout server 5s',
      'acl bad src 10.0.0.0/8',
      'http-request deny if bad',
      'http-request set-header X-Id %[src]',
      'http-request set-header Connection close',
      'http-request set-header X-If yes if bad',
    );
    expect(routing.timeouts).toEqual({ serverMs: 5_000 });
    expect(routing.rules).toBeUndefined();
    expect(findings).toEqual([
      expect.stringMatching(/^in part: "acl bad src 10\.0\.0\.0\/8", .* and 2 more lines/),
    ]);
  });

  it('say nothing when they are those of marathon-lb itself', () => {
    expect(
      read(
        'BACKEND_HTTP_OPTIONS',
        '  option forwardfor',
        '  no option http-keep-alive',
        '  http-request set-header X-Forwarded-Port %[dst_port]',
        '  http-request add-header X-Forwarded-Proto https if { ssl_fc }',
      ),
    ).toEqual({ routing: routed({}), findings: [] });
    expect(
      read(
        'FRONTEND_HEAD',
        'frontend {backend}',
        '  bind {bindAddr}:{servicePort}{sslCert}{bindOptions}',
        '  mode {mode}',
      ),
    ).toEqual({
      routing: routed({}),
      findings: [],
    });
  });

  it('of a server line become limits, weights and the PROXY protocol', () => {
    const { routing, findings } = read(
      'BACKEND_SERVER_OPTIONS',
      'check inter {healthCheckIntervalSeconds}s fall 3 maxconn 50 maxqueue 9 weight 20 slowstart 30s send-proxy-v2 error-limit 5 agent-check',
    );
    expect(routing).toMatchObject({
      limits: { connectionsPerServer: 50, queueLength: 9 },
      weight: 20,
      slowStartMs: 30_000,
      proxyProtocol: { send: 'v2' },
      ejection: { failures: 5 },
    });
    expect(findings).toEqual(['in part: "agent-check" has no effect']);
  });

  it('count only with the label that switches them on', () => {
    const hsts = label('BACKEND_HSTS_OPTIONS', 'rspadd Strict-Transport-Security:\\ max-age=60');
    expect(routed(hsts).rules).toBeUndefined();
    expect(routed({ ...hsts, ...label('USE_HSTS', 'true') }).rules).toEqual({ hsts: 'max-age=60' });
  });

  it('give way to typed labels', () => {
    const labels = { ...label('BACKEND_HEAD', 'balance source'), ...label('BALANCE', 'first') };
    expect(routed(labels).balance).toBe('first');
  });
});

describe('labels that nobody reads', () => {
  it('are told, and so are those of ports that there are not', () => {
    const labels = {
      HAPROXY_0_HTTP_FRONTEND_ACL: 'acl x',
      HAPROXY_1_VHOST: 'a.test',
      VIP_0: '1.2.3.4:80',
      HAPROXY_APP_ID: 'shop',
      owner: 'me',
    };
    expect(found(labels)).toEqual([
      ['HAPROXY_0_HTTP_FRONTEND_ACL', 'unheeded'],
      ['HAPROXY_1_VHOST', 'unheeded'],
      ['VIP_0', 'unheeded'],
    ]);
  });
});

describe('the labels of zdd.py', () => {
  const zdd = (over: Record<string, string>) =>
    appRouting(app({ HAPROXY_DEPLOYMENT_GROUP: 'shop', ...over }));

  it('make an app one colour of its group; moments are compared in one zone', () => {
    const { deployment, ports, findings } = zdd({
      HAPROXY_DEPLOYMENT_STARTED_AT: '2026-01-02T03:04:05.678901',
      HAPROXY_DEPLOYMENT_TARGET_INSTANCES: '4',
      HAPROXY_DEPLOYMENT_ALT_PORT: '10001',
      HAPROXY_DEPLOYMENT_COLOUR: 'blue',
      HAPROXY_DEPLOYMENT_NEW_INSTANCES: '0',
    });
    expect(deployment).toEqual({ group: 'shop', startedAt: '2026-01-02T03:04:05.678Z', targetInstances: 4 });
    expect(ports[0]?.deploymentGroup).toBe('shop');
    expect(findings).toEqual([]);
    expect(zdd({ HAPROXY_DEPLOYMENT_STARTED_AT: '2026-01-02T05:04:05+02:00' }).deployment?.startedAt).toBe(
      '2026-01-02T03:04:05.000Z',
    );
  });

  it('count as absent when they cannot be read', () => {
    const { deployment, findings } = zdd({
      HAPROXY_DEPLOYMENT_STARTED_AT: 'yesterday',
      HAPROXY_DEPLOYMENT_TARGET_INSTANCES: 'many',
    });
    expect(deployment).toEqual({ group: 'shop', startedAt: '' });
    expect(findings.map(({ label: name }) => name).sort()).toEqual([
      'HAPROXY_DEPLOYMENT_STARTED_AT',
      'HAPROXY_DEPLOYMENT_TARGET_INSTANCES',
    ]);
  });
});
