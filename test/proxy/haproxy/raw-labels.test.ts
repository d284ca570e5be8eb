import fc from 'fast-check';
import type { App } from '../../../src/apps/app.js';
import { appRouting } from '../../../src/apps/decide/port-routing.js';
import { routingWarnings } from '../../../src/apps/decide/routing-warnings.js';
import { rawLines, rawWords } from '../../../src/proxy/haproxy/decide/raw-lines.js';
import { shownConfiguration } from '../../../src/proxy/haproxy/decide/shown-configuration.js';
import type { Service } from '../../../src/proxy/table.js';
import { waitFor } from '../../support/wait-for.js';
import { namedServer, RealHaproxy, withHaproxy } from './real.js';
import { server, web } from './world.js';

describe("HAProxy's language in labels", () => {
  const app = {
    id: '/web',
    portDefinitions: [{ port: 10_000, protocol: 'tcp', labels: {} }],
    healthChecks: [],
    labels: {
      HAPROXY_0_MODE: 'http',
      HAPROXY_0_FRONTEND_HEAD:
        '\nfrontend {backend}\n  bind {bindAddr}:{servicePort}\n  timeout client 7s\n  maxconn 5\n',
      HAPROXY_0_BACKEND_HTTP_OPTIONS:
        '  option httplog\n  http-request capture req.hdr(a) len 9 if {{ ssl_fc }}\n',
      HAPROXY_0_BACKEND_HEAD: '\nbackend {backend}\n  balance {balance}\n  mode {mode}\n  fullconn 7\n',
      HAPROXY_0_BACKEND_SERVER_OPTIONS: ' weight 5 tcp-ut 9s',
    },
  } as unknown as App;

  it('is what has no typed meaning, and warned of where no load balancer takes it', () => {
    expect(appRouting(app).ports[0]).toMatchObject({
      timeouts: { clientMs: 7_000 },
      weight: 5,
      raw: {
        frontend: ['maxconn 5'],
        backend: ['http-request capture req.hdr(a) len 9 if {{ ssl_fc }}', 'fullconn 7'],
        server: ['tcp-ut', '9s'],
      },
    });
    expect(routingWarnings(app).map(({ label }) => label)).toHaveLength(4);
    expect(routingWarnings(app, true)).toEqual([]);
  });

  it('has its placeholders filled in, and begins no section of its own', () => {
    const of = (...lines: string[]): readonly string[] => rawLines(lines, 'web_10000', web([]));
    expect(
      of('acl here hdr(host) -i {hostname}', 'http-request deny if {{ ssl_fc }} !{ src 1.2.3.4 }'),
    ).toEqual(['acl here hdr(host) -i web.test', 'http-request deny if { ssl_fc } !{ src 1.2.3.4 }']);
    expect(of('option {unknown}{backend}{servicePort}')).toEqual(['option {unknown}web_1000010000']);
    const hostile = [
      'backend x',
      '"backend" x',
      '\\x62ackend x',
      'back\\end x',
      '.if',
      'global',
      'stats enable',
      'a\nglobal',
    ];
    expect(of(...hostile, 'server s9 1.2.3.4:80', 'http-request set-map(paths.map) %[path] x')).toEqual([]);
    expect(rawWords(['a\nglobal'], 'b', web([]))).toEqual([]);
    const sections = /^\s*["'\\]*(global|defaults|frontend|backend|listen|userlist|peers|stats)(?![\w-])/;
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 30, unit: 'binary-ascii' })), (lines) => {
        for (const line of of(
          ...lines,
          ...lines.map((each) => `global${each}`),
          ...lines.map((each) => `${each}\nglobal`),
        )) {
          expect(line).not.toMatch(sections);
          expect(line).not.toMatch(/[\n\r]/);
        }
      }),
    );
  });

  it('and all else is shown to everybody without passwords and values of headers', () => {
    const shown = shownConfiguration(
      "  user 'a' insecure-password 'secret'\n  http-request set-header Authorization 'Basic secret'\n  http-request set-header X-Forwarded-Port %[dst_port]\n",
    );
    expect(shown).not.toContain('secret');
    expect(shown).toContain('%[dst_port]');
  });
});

withHaproxy('HAProxy with its own language in labels', () => {
  let haproxy: RealHaproxy;
  let backend: Awaited<ReturnType<typeof namedServer>>;

  const start = async (rawLabels: boolean): Promise<void> => {
    haproxy = await RealHaproxy.onAnyPort(rawLabels ? { rawLabels: true } : {});
    backend = await namedServer('one');
  };
  afterEach(async () => {
    await haproxy.end();
    backend.server.closeAllConnections();
    await new Promise((closed) => backend.server.close(closed));
  });

  const here = (raw: Service['raw'], over: Partial<Service> = {}): Service =>
    web([server(1, { host: '127.0.0.1', port: backend.port })], {
      bindPort: false,
      ...(raw && { raw }),
      ...over,
    });
  const other = (raw: Service['raw']): Service =>
    here(raw, { appId: '/other' as never, servicePort: 10_001, vhosts: ['other.test'] });
  /** An answer that only the label can have given. */
  const says = (text: string): string =>
    `http-request return status 200 content-type text/plain string ${text}`;
  const served = async (...services: readonly Service[]): Promise<void> => {
    haproxy.tell(...services);
    haproxy.plane.start();
    await haproxy.inForce();
    await waitFor(async () => (await haproxy.ask('web.test')).status === 200, { timeoutMs: 20_000 });
  };

  it('does as it says', async () => {
    await start(true);
    await served(here({ backend: [says('"{hostname}"')], server: ['tcp-ut', '9s'] }), other(undefined));
    expect((await haproxy.ask('web.test')).body).toBe('web.test');
    expect((await haproxy.ask('other.test')).body).toBe('one');
    expect(haproxy.plane.configuration).toMatch(/^ {2}server s1 \S+ weight 1 tcp-ut 9s$/m);
    expect(haproxy.plane.servedInPart).toEqual({});
  }, 60_000);

  it('serves an app without what it does not take of it, tells of it, and heeds all others', async () => {
    await start(true);
    for (const bad of ['no-such-keyword 1', 'use-server nobody if TRUE', 'http-request deny if "'] as const) {
      await served(here({ backend: [says('bad'), bad] }), other({ backend: [says('good')] }));
      await waitFor(async () => (await haproxy.ask('other.test')).body === 'good', { timeoutMs: 20_000 });
      expect((await haproxy.ask('web.test')).body).toBe('one');
      expect(haproxy.plane.servedInPart).toEqual({ 10000: expect.stringContaining('left out: ') });
      expect(haproxy.plane.notServed).toEqual({});
    }
    haproxy.tell(here({ backend: [says('mended')] }), other({ backend: [says('good')] }));
    await waitFor(async () => (await haproxy.ask('web.test')).body === 'mended', { timeoutMs: 20_000 });
    expect(haproxy.plane.servedInPart).toEqual({});
  }, 60_000);

  it('tells which lines no app may say, and heeds the others', async () => {
    await start(true);
    await served(here({ frontend: ['bind *:81'], backend: ['server x 10.0.0.1:80', says('raw')] }));
    await waitFor(async () => (await haproxy.ask('web.test')).body === 'raw', { timeoutMs: 20_000 });
    expect(haproxy.plane.servedInPart).toEqual({
      10000: expect.stringMatching(/no app may say them: "bind \*:81", "server x 10\.0\.0\.1:80"$/),
    });
  }, 60_000);

  it('does nothing of it where nobody wanted it', async () => {
    await start(false);
    await served(here({ backend: [says('raw')], server: ['tcp-ut', '9s'] }));
    expect((await haproxy.ask('web.test')).body).toBe('one');
  }, 60_000);
});
