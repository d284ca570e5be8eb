import { hideEnv } from '../../src/api/decide/hide-env.js';
import { issue } from '../support/issued-certificate.js';
import { expectContract } from './support/contract.js';
import { app, GroupWorld } from './support/group-world.js';

let world: GroupWorld;
beforeEach(async () => {
  world = await GroupWorld.start();
});
afterEach(() => world.stop());

const ports = { portDefinitions: [{ port: 0, name: 'web' }] };
const shop = {
  ...ports,
  loadBalancer: { groups: ['external'], ports: [{ vhosts: ['shop.test'], sticky: true }] },
};

describe('an app with a typed load balancer object', () => {
  it('is answered as it was given, with the service port that it got', async () => {
    const made = await world.ask('POST', '/v2/apps', app('/web', shop));
    expect([made.status, made.headers['x-longrun-warning']]).toEqual([201, undefined]);
    const { json } = await world.ask('GET', '/v2/apps/web');
    expectContract('AppInfo', json['app']);
    expect(json).toMatchObject({
      app: {
        loadBalancer: {
          groups: ['external'],
          ports: [{ portIndex: 0, vhosts: ['shop.test'], sticky: true }],
        },
      },
    });
    expect(json['app']).not.toHaveProperty('warnings');
  });

  it('is refused with every finding when it makes no sense', async () => {
    const wrong = { ...ports, loadBalancer: { ports: [{ vhosts: ['no host'], mode: 'tcp' }] } };
    const { status, json } = await world.ask('POST', '/v2/apps', app('/web', wrong));
    expectContract('Error', json);
    expect(status).toBe(422);
    expect((json['details'] as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      '/loadBalancer/ports(0)/vhosts',
      '/loadBalancer/ports(0)/vhosts(0)',
    ]);
  });
});

describe('an app that asks for what another has', () => {
  it('is refused with 409 that names it, by a dry run as well', async () => {
    await world.write('POST', '/v2/apps', app('/web', shop));
    await world.calm();
    for (const path of ['/v2/apps', '/v2/apps?dryRun=true']) {
      const { status, json } = await world.ask('POST', path, app('/other', shop));
      expectContract('Error', json);
      expect([status, json['code']]).toEqual([409, 'route-conflict']);
      expect(JSON.stringify(json['details'])).toContain('shop.test belongs to /web');
    }
  });
});

describe('certificates that an app names', () => {
  const tls = (...certificates: string[]) =>
    app('/web', {
      ...ports,
      labels: { HAPROXY_0_SSL_CERT: certificates.join(',') },
      loadBalancer: { ports: [{ portIndex: 0, tls: { clientAuthorities: ['partners'] } }] },
    });
  const put = async (name: string, body: object): Promise<void> => {
    expect((await world.ask('PUT', `/v2/certificates/${name}`, body)).status).toBeLessThan(300);
  };

  it('are warned of while they are not there, and taken as files by their paths', async () => {
    const web = issue('web', ['web.test']);
    const ca = issue('ca', [], { ca: true });
    const made = await world.ask(
      'POST',
      '/v2/apps',
      app('/web', {
        ...ports,
        loadBalancer: {
          ports: [{ tls: { certificates: ['/etc/ssl/shop.pem', 'acme'], clientAuthorities: ['partners'] } }],
        },
      }),
    );
    expect(made.status).toBe(201);
    expect(made.headers['x-longrun-warning']).toMatch(/\/web: port 0: no certificate shop is stored/);
    const warnings = async (): Promise<unknown> =>
      ((await world.ask('GET', '/v2/apps/web')).json['app'] as { warnings?: string[] }).warnings;
    expect(await warnings()).toEqual([
      expect.stringContaining('port 0: no certificate shop is stored'),
      expect.stringContaining('port 0: it asks for certificates of ACME, which is not set up'),
      expect.stringContaining('port 0: no authority partners is stored'),
    ]);
    await put('shop', { certificate: web.cert, privateKey: web.key });
    await put('partners', { certificate: ca.cert });
    expect(await warnings()).toEqual([expect.stringContaining('ACME')]);
    await world.calm();
    // Nothing new is named: a write says nothing of it again.
    const again = await world.ask('PATCH', '/v2/apps/web', { cpus: 0.2 });
    expect([again.status, again.headers['x-longrun-warning']]).toEqual([200, undefined]);
  });

  it('are what they are named as', async () => {
    const ca = issue('ca', [], { ca: true });
    await put('partners', { certificate: ca.cert });
    const made = await world.ask('POST', '/v2/apps', tls('partners'));
    expect(made.headers['x-longrun-warning']).toBe(
      '/web: port 0: partners is an authority without a key, and no certificate to speak TLS with',
    );
  });
});

describe('what an app asks for and does not get', () => {
  it('is told where the app is read', async () => {
    const labels = {
      HAPROXY_0_AUTH: '',
      HAPROXY_0_BACKEND_HEAD: 'timeout server 5s\nacl x src 1.2.3.4',
      HAPROXY_7_VHOST: 'a.test',
    };
    await world.write('POST', '/v2/apps', app('/web', { ...ports, labels }));
    const { json } = await world.ask('GET', '/v2/apps/web');
    expectContract('AppInfo', json['app']);
    expect((json['app'] as { warnings: string[] }).warnings).toEqual([
      expect.stringMatching(/^label HAPROXY_7_VHOST has no effect: the app has only port 0/),
      'label HAPROXY_0_BACKEND_HEAD in part: "acl x src 1.2.3.4" has no effect',
    ]);
  });
});

describe('events and logs', () => {
  it('hold no hashes of passwords', () => {
    const shown = hideEnv({
      id: '/web',
      labels: { HAPROXY_0_AUTH: 'r:me:$6$x$y', team: 'x' },
      loadBalancer: { ports: [{ basicAuth: { realm: 'r', users: { me: '$6$x$y' } } }] },
    });
    expect(shown).toEqual({
      id: '/web',
      labels: { HAPROXY_0_AUTH: '***', team: 'x' },
      loadBalancer: { ports: [{ basicAuth: { realm: 'r', users: { me: '***' } } }] },
    });
  });
});
