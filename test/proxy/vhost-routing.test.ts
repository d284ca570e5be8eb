import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { portRouting } from '../../src/apps/decide/port-routing.js';
import { type Claim, HostClaims, wildcardsOf } from '../../src/proxy/decide/choose-claim.js';
import type { Service } from '../../src/proxy/table.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, Plane, serverAt, service } from './rig.js';
import { record } from './world.js';

let plane: Plane | undefined;
afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

const claim = (...paths: string[]): Claim => ({ paths, ignoreCase: false, hasServers: true });
const labelled = (labels: Record<string, string>) => portRouting(record({ id: '/a', labels }, true).app, 0);

describe('whose path it is', () => {
  it('is the longest beginning’s, whatever the order (property)', () => {
    const path = fc.stringMatching(/^(\/[ab]{0,2}){1,4}$/);
    fc.assert(
      fc.property(fc.array(fc.array(path, { maxLength: 3 }), { maxLength: 6 }), path, (all, asked) => {
        const claims = all.map((paths) => claim(...paths));
        const lengths = all.map((paths) =>
          paths.length === 0
            ? 0
            : Math.max(-1, ...paths.filter((each) => asked.startsWith(each)).map((each) => each.length)),
        );
        const longest = Math.max(-1, ...lengths);
        const found = new HostClaims(claims).choose(asked, '');
        if (longest < 0) expect(found).toBeUndefined();
        else expect(lengths[claims.indexOf(found as Claim)]).toBe(longest);
      }),
    );
  });

  it('is of equals the one’s that has servers', () => {
    const empty = { ...claim('/api'), hasServers: false };
    const full = claim('/api');
    expect(new HostClaims([empty, full]).choose('/api/x', '')).toBe(full);
    expect(new HostClaims([empty, { ...empty }]).choose('/api/x', '')).toBe(empty);
  });

  it('is within one beginning theirs who ask for most of what the request carries', () => {
    const plain = claim('/api');
    const beta = { ...claim('/api'), match: { headers: { 'x-beta': '1' } } };
    const both = { ...claim('/api'), match: { headers: { 'x-beta': '*' }, cookies: { who: 'me' } } };
    const deep = { ...claim('/api/deep'), match: { headers: { 'x-beta': '1' } }, ignoreCase: true };
    const claims = new HostClaims([plain, beta, both, deep]);
    const of = (path: string, lines: string): Claim | undefined => claims.choose(path, lines);
    expect(of('/api/x', '')).toBe(plain);
    expect(of('/api/x', 'X-Beta:  1\r\n')).toBe(beta);
    expect(of('/api/x', 'X-BETA: 2, 1 ,3\r\n')).toBe(beta);
    expect(of('/api/x', 'x-beta: 2\r\nx-betamax: 1\r\nnot-x-beta: 1\r\n')).toBe(plain);
    expect(of('/api/x', 'x-beta: 2\r\nCookie: a=b; who="me"\r\n')).toBe(both);
    expect(of('/api/x', 'x-beta: 1\r\nCookie: Who=me\r\n')).toBe(beta);
    expect(of('/API/DEEP', 'x-beta: 1\r\n')).toBe(deep);
    expect(of('/api/deep', '')).toBe(plain);
    expect(of('/else', 'x-beta: 1\r\n')).toBeUndefined();
  });

  it('is found among thousands without looking at them all', () => {
    let looked = 0;
    const claims = Array.from({ length: 5_000 }, (_, i) => ({
      ...claim(`/app-${i}/`),
      get hasServers() {
        looked += 1;
        return true;
      },
    }));
    const host = new HostClaims(claims);
    expect(host.choose('/app-4321/x/y?z', '')).toBe(claims[4321]);
    expect(host.choose('/app-4321', '')).toBeUndefined();
    expect(looked).toBeLessThan(5);
  });

  it('falls under wildcards from the nearest to the farthest', () => {
    expect([...wildcardsOf('a.b.test')]).toEqual(['*.b.test', '*.test']);
    expect([...wildcardsOf('localhost')]).toEqual([]);
  });
});

describe('labels for paths, balance and stickiness', () => {
  it('are read as marathon-lb reads them; what is malformed counts as absent', () => {
    expect(labelled({ HAPROXY_0_PATH: '/api /v2' })).toMatchObject({
      paths: ['/api', '/v2'],
      ignorePathCase: false,
    });
    expect(labelled({ HAPROXY_0_PATH: '-i /API' })).toMatchObject({ paths: ['/api'], ignorePathCase: true });
    expect(labelled({ HAPROXY_0_PATH: 'api' })).toMatchObject({ paths: [] });
    expect(labelled({ HAPROXY_0_BALANCE: 'leastconn', HAPROXY_0_STICKY: 'true' })).toMatchObject({
      balance: 'leastconn',
      sticky: true,
    });
    expect(labelled({ HAPROXY_0_BALANCE: 'rdp-cookie' })).not.toHaveProperty('balance');
    expect(labelled({ HAPROXY_0_VHOST: '*.web.test,*.*.x,*' })).toMatchObject({ vhosts: ['*.web.test'] });
  });
});

describe('requests to virtual hosts', () => {
  const serving = async (name: string, port: number, over: Partial<Service>): Promise<[Backend, Service]> => {
    const backend = await Backend.answering(name);
    return [
      backend,
      service([serverAt(backend.port)], { appId: `/${name}` as AppId, servicePort: port, ...over }),
    ];
  };
  const start = async (...made: [Backend, Service][]): Promise<Plane> => {
    const started = await Plane.start(made.map(([, each]) => each));
    for (const [backend] of made) started.own(backend);
    plane = started;
    return started;
  };
  const ask = async (host: string, target: string, fields = ''): Promise<string> => {
    const client = await (plane as Plane).client();
    client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n`);
    return client.seesEnd();
  };

  it('go by the longest path, then to the app that has the whole host; wildcards come after names', async () => {
    await start(
      await serving('whole', 1, { vhosts: ['web.test'] }),
      await serving('api', 2, { vhosts: ['web.test'], paths: ['/api'] }),
      await serving('v2', 3, {
        vhosts: ['web.test'],
        paths: ['/API/v2'.toLowerCase()],
        ignorePathCase: true,
      }),
      await serving('any', 4, { vhosts: ['*.test'] }),
      await serving('only', 5, { vhosts: ['part.test'], paths: ['/here'] }),
    );
    const body = async (host: string, target: string) => (await ask(host, target)).split('\r\n\r\n')[1];
    expect(await body('web.test', '/')).toBe('whole');
    expect(await body('web.test', '/api/x?y=/other')).toBe('api');
    expect(await body('web.test', '/api/V2/x')).toBe('v2');
    expect(await body('web.test', '/other?p=/api')).toBe('whole');
    expect(await body('else.test', '/api')).toBe('any');
    expect(await body('part.test', '/here/x')).toBe('only');
    expect(await body('part.test', '/there')).toBe('any');
    expect(await ask('web.example', '/')).toMatch(/^HTTP\/1.1 404 .*no app serves the host web.example/s);
  });

  it('say that a path is not served where the host is', async () => {
    await start(await serving('only', 5, { vhosts: ['part.test'], paths: ['/here'] }));
    expect(await ask('part.test', '/there')).toMatch(
      /404 Not Found: no app serves this path of the host part.test/,
    );
  });

  it('of a sticky service come back to their server by a cookie, until it is gone', async () => {
    const one = await Backend.answering('one');
    const two = await Backend.answering('two');
    const sticky = (...backends: Backend[]) =>
      service(
        backends.map(({ port }) => serverAt(port)),
        { sticky: true },
      );
    const started = await Plane.start([sticky(one, two)]);
    plane = started;
    started.own(one);
    started.own(two);
    const first = await ask('web.test', '/');
    const cookie = /^Set-Cookie: (mesosphere_server_id=[0-9a-f]{16}); Path=\/; HttpOnly\r\n/m.exec(
      first,
    )?.[1];
    expect(cookie).toBeDefined();
    const own = first.split('\r\n\r\n')[1];
    for (let i = 0; i < 4; i++) {
      const again = await ask('web.test', '/', `Cookie: a=b; ${cookie}\r\n`);
      expect(again.split('\r\n\r\n')[1]).toBe(own);
      expect(again).not.toContain('Set-Cookie');
    }
    const [left, name] = own === 'one' ? ([two, 'two'] as const) : ([one, 'one'] as const);
    started.serve([sticky(left)]);
    const moved = await ask('web.test', '/', `Cookie: ${cookie}\r\n`);
    expect(moved.split('\r\n\r\n')[1]).toBe(name);
    expect(moved).toContain('Set-Cookie: mesosphere_server_id=');
  });

  it('are balanced as the label says: leastconn goes where nothing waits', async () => {
    const held: (() => void)[] = [];
    const slow = await Backend.start((socket, soFar) => {
      if (soFar.includes('\r\n\r\n'))
        held.push(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow'));
    });
    const quick = await Backend.answering('quick');
    const started = await Plane.start([
      service([serverAt(slow.port), serverAt(quick.port)], { balance: 'leastconn' }),
    ]);
    plane = started;
    started.own(slow);
    started.own(quick);
    let answered = 0;
    const asked = Array.from({ length: 6 }, () => ask('web.test', '/').then(() => answered++));
    await waitFor(() => held.length > 0, { what: 'one to wait' });
    for (let i = 0; i < 6; i++) expect(await ask('web.test', '/')).toContain('quick');
    await waitFor(
      () => {
        for (const answer of held.splice(0)) answer();
        return answered === asked.length;
      },
      { what: 'all to be answered' },
    );
  });
});
