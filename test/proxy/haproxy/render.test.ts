import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { PortRouting } from '../../../src/apps/port-routing.js';
import { haproxyCannot } from '../../../src/proxy/haproxy/capabilities.js';
import { NO_PLAN, planChange } from '../../../src/proxy/haproxy/decide/plan-change.js';
import { type Rendered, render } from '../../../src/proxy/haproxy/decide/render.js';
import type { Service } from '../../../src/proxy/table.js';
import { layoutOf, server, web } from './world.js';

const rendered = (...services: readonly Service[]): Rendered =>
  render(planChange(NO_PLAN, layoutOf(...services)).reload ?? NO_PLAN);

const program = '/usr/sbin/haproxy';
const withHaproxy = existsSync(program) ? it : it.skip;

/** What HAProxy says of a configuration; empty when it takes it. */
function complaint({ text, maps }: Rendered): string {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
  try {
    for (const [name, content] of Object.entries({ ...maps, 'haproxy.cfg': text }))
      writeFileSync(join(dir, name), content);
    execFileSync(program, ['-c', '-f', 'haproxy.cfg'], { cwd: dir, stdio: 'pipe' });
    return '';
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const everything: Partial<Service> = {
  balance: 'header',
  balanceHeader: 'x-user',
  hashBalanceFactor: 150,
  sticky: true,
  weight: 10,
  slowStartMs: 5_000,
  paths: ['/api', '/api/v2'],
  match: { headers: { 'x-canary': 'yes', 'x-any': '*' }, cookies: { beta: '1' } },
  rules: {
    redirectToHttps: true,
    hsts: 'max-age=1',
    redirects: [
      { path: '/old', to: 'https://new.test/', keepRest: true, status: 301 },
      { path: '/gone', exact: true, to: '/', keepRest: true, status: 302 },
      { to: '/x', status: 308, path: '/y' },
    ],
    rewrite: { from: '/api', to: '/v1', restoreLocation: true },
    requestHeaders: { set: { 'x-a': '100% "quoted" $HOME' }, remove: ['cookie'] },
    responseHeaders: { remove: ['server'] },
    basicAuth: {
      realm: "it's me",
      users: { ann: '{plain}pass word', bob: '$5$abcdefgh$ZLdkj8mkc2XVSrPVjskDAgZPGjtj1VGVaa1aUkrMTU/' },
    },
  },
  access: { allow: ['10.0.0.0/8', '127.0.0.1'], deny: ['10.1.0.0/16'] },
  timeouts: { connectMs: 1_000, serverMs: 2_000, queueMs: 3, tunnelMs: 4, serverFinMs: 5 },
  retry: { retries: 1, on: ['empty-response', '503'] },
  ejection: { failures: 3, baseMs: 1_000 },
  limits: {
    connectionsPerServer: 10,
    queueLength: 5,
    requestsPerSecond: 100,
    requestsPerSecondPerClient: 10,
    burst: 5,
    requestsUnderWay: 50,
  },
  proxyProtocol: { accept: true, send: 'v2' },
};

describe("HAProxy's configuration", () => {
  it('has a line per slot, those that nobody has switched off', () => {
    const { text } = rendered(web([server(1), server(2, { weight: 5 })]));
    expect(text).toContain('  server s1 10.0.0.1:31001 weight 1\n  server s2 10.0.0.1:31002 weight 5\n');
    expect(text).toContain('  server s3 127.0.0.1:1 weight 1 disabled\n');
  });

  it('routes by host and path in a map, wildcards by the ends of hosts, apps by their ids', () => {
    const { maps } = rendered(
      web([server(1)], { paths: ['/a'] }),
      web([server(2)], { appId: '/star' as never, servicePort: 10_001, vhosts: ['*.test'] }),
    );
    expect(maps).toMatchObject({
      'paths.map': 'web.test/a web_10000\n*.test/ star_10001\nweb.test/ star_10001\n'.replace(
        '*.test/ star_10001\nweb.test/ star_10001\n',
        'web.test/ star_10001\n*.test/ star_10001\n',
      ),
      'wild.map': '.test *.test\n',
    });
    expect(maps['apps.map']).toContain('/web web_10000\nweb web_10000\n');
  });

  withHaproxy('is taken with everything that an app can ask for', () => {
    const tcp = web([server(3)], { appId: '/tcp' as never, servicePort: 10_002, mode: 'tcp', vhosts: [] });
    const h2c = web([server(4)], { appId: '/grpc' as never, servicePort: 10_003, serverProtocol: 'h2c' });
    expect(complaint(rendered(web([server(1)], everything), tcp, h2c))).toBe('');
    expect(
      complaint(rendered(web([server(1)], { ...everything, mode: 'tcp', vhosts: [], rules: {}, paths: [] }))),
    ).toBe('');
    expect(complaint(rendered(web([], { ignorePathCase: true, vhosts: ['*.x.test'], paths: ['/q'] })))).toBe(
      '',
    );
  });

  withHaproxy('is taken whatever strings are in it, and they add no line', () => {
    const plain = rendered(web([server(1)], everything)).text.split('\n').length;
    const nasty = fc.array(
      fc.constantFrom('"', "'", '\\', '\n', '\r', ' ', '#', '$HOME', '%[src]', '}', '{', ';', 'é', 'x', '-f'),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(nasty, (parts) => {
        const text = `v${parts.join('')}`;
        const result = rendered(
          web([server(1)], {
            ...everything,
            match: { headers: { 'x-canary': text, 'x-any': '*' }, cookies: { beta: text } },
            rules: {
              ...everything.rules,
              hsts: text,
              requestHeaders: { set: { 'x-a': text }, remove: ['cookie'] },
              basicAuth: { realm: text, users: { ann: `{plain}${text}`, bob: '$5$abcdefgh$x' } },
              redirects: [
                { path: `/${text}`, to: `https://new.test/${text}/`, keepRest: true, status: 301 },
                { path: '/gone', exact: true, to: '/', keepRest: true, status: 302 },
                { to: `/${text}`, status: 308, path: '/y' },
              ],
              rewrite: { from: `/${text}`, to: `/${text}`, restoreLocation: true },
            },
          }),
        );
        expect(result.text.split('\n')).toHaveLength(plain);
        expect(complaint(result)).toBe('');
      }),
      { numRuns: 25 },
    );
  });

  it('knows whose each line is', () => {
    const result = rendered(web([server(1)]));
    const line = result.text.split('\n').indexOf('backend web_10000') + 1;
    expect(result.ownerOf(line)).toBe('/web:10000');
    expect(result.ownerOf(3)).toBeUndefined();
  });

  it('lacks what HAProxy cannot do, and that is told by name', () => {
    const lacks = (
      asked: Partial<PortRouting>,
      protocol: 'tcp' | 'udp' | 'udp,tcp' = 'tcp',
    ): readonly string[] => {
      const routing = {
        ...{ enabled: true, vhosts: [], paths: [], ignorePathCase: false, groups: [], sticky: false },
        ...asked,
      };
      return [...haproxyCannot({ routing, mode: 'http', protocol })].map(({ member }) => member);
    };
    expect(lacks(everything)).toEqual([]);
    expect(lacks({ timeouts: { clientMs: 1 } })).toEqual([]);
    expect(lacks({ vhosts: ['a'], timeouts: { clientMs: 1 } }, 'udp,tcp')).toEqual([
      'udp',
      'timeouts.client',
    ]);
  });
});
