import { corsHeaders } from '../../src/api/decide/cors.js';
import { isOrigin, originList } from '../../src/config/origins.js';
import { ApiWorld, apiSettings } from './support/api-world.js';

const listed = 'https://ui.example,https://ops.example:8443';

const worlds: ApiWorld[] = [];
afterEach(() => Promise.all(worlds.splice(0).map((each) => each.stop())));

async function worldFor(accessControlAllowOrigin: string | undefined): Promise<ApiWorld> {
  const origins = accessControlAllowOrigin === undefined ? {} : { accessControlAllowOrigin };
  const world = await new ApiWorld().start({ settings: { ...apiSettings, ...origins } });
  worlds.push(world);
  return world;
}

describe('pages of other origins', () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = await worldFor(listed);
  });

  it.each(['https://ui.example', 'https://ops.example:8443'])(
    'of the list read answers: %s is echoed, itself and not another',
    async (origin) => {
      const { headers } = await world.ask('GET', '/v2/apps', { headers: { origin } });
      expect(headers['access-control-allow-origin']).toBe(origin);
      const exposed = String(headers['access-control-expose-headers']).split(', ');
      expect(exposed).toEqual(expect.arrayContaining(['Marathon-Deployment-Id', 'ETag', 'Link', 'Location']));
      expect(headers['vary']).toContain('Origin');
    },
  );

  it.each(['https://evil.example', 'http://ui.example', 'https://ui.example.evil', 'null'])(
    'that the list lacks get no leave: %s',
    async (origin) => {
      const { headers } = await world.ask('GET', '/v2/apps', { headers: { origin } });
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers['vary']).toContain('Origin');
    },
  );

  it('may ask first, with every verb and the headers that they name', async () => {
    const answer = await world.ask('OPTIONS', '/v2/apps', {
      headers: {
        origin: 'https://ui.example',
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'content-type, authorization',
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://ui.example',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'content-type, authorization',
      'access-control-max-age': '86400',
    });
  });

  it('write when the operator named them, and only then', async () => {
    const write = (origin: string) =>
      world.ask('POST', '/v2/tasks/delete', {
        headers: { origin, 'sec-fetch-site': 'cross-site' },
        body: { ids: [] },
      });
    expect((await write('https://ui.example')).status).toBe(200);
    expect((await write('https://evil.example')).status).toBe(403);
  });

  it('all read with the wildcard, and none writes by it', async () => {
    const open = await worldFor('*');
    const origin = 'https://any.example';
    expect((await open.ask('GET', '/v2/apps', { headers: { origin } })).headers).toMatchObject({
      'access-control-allow-origin': origin,
    });
    const written = await open.ask('POST', '/v2/tasks/delete', { headers: { origin }, body: { ids: [] } });
    expect(written.status).toBe(403);
  });

  it('hear nothing of other origins without the setting', async () => {
    const closed = await worldFor(undefined);
    const { headers } = await closed.ask('GET', '/v2/apps', { headers: { origin: 'https://ui.example' } });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['vary'] ?? '').not.toContain('Origin');
  });
});

describe('the list of origins', () => {
  it('is read as browsers write origins', () => {
    expect(originList(' https://UI.example/ ,, * ')).toEqual(['https://ui.example', '*']);
    expect(originList(undefined)).toEqual([]);
    expect(['*', 'https://a', 'http://a:1'].map(isOrigin)).toEqual([true, true, true]);
    expect(['a.example', 'https://', 'https://a/b', 'a,b'].map(isOrigin)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it('gives nothing to a request without an origin', () => {
    expect(corsHeaders({ origin: undefined, preflight: true, requestHeaders: 'x', allowed: ['*'] })).toEqual(
      {},
    );
  });
});
