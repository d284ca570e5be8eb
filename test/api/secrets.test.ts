import type { AppId } from '../../src/apps/app.js';
import { AppChanges } from '../../src/apps/app-changes.js';
import { AppWorld, contract } from '../apps/support/app-world.js';
import { ApiWorld } from './support/api-world.js';
import { bearer, makeAuth, OPERATOR_TOKEN } from './support/auth.js';
import { record } from './support/fakes.js';
import { SecretWorld } from './support/secrets.js';

const web = record('/shop/web', {
  secrets: { db: { source: '/shop/db' } },
  env: { PASSWORD: { secret: 'db' } },
});

describe('/v2/secrets', () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = await new ApiWorld().start();
    world.registry.put(web);
  });
  afterEach(() => world.stop());

  it('takes values and never gives one back', async () => {
    const made = await world.ask('PUT', '/v2/secrets/shop/db', { body: { value: 'correct horse' } });
    expect([made.status, made.headers['location']]).toEqual([201, '/v2/secrets/shop/db']);
    const changed = await world.ask('PUT', '/v2/secrets/shop/db', { body: { value: 'battery staple' } });
    expect([changed.status, changed.json['version'], changed.json['restarts']]).toEqual([
      200,
      2,
      ['/shop/web'],
    ]);
    const one = await world.ask('GET', '/v2/secrets/shop/db');
    expect(one.json).toMatchObject({ path: '/shop/db', version: 2, size: 14, usedBy: ['/shop/web'] });
    const all = await world.ask('GET', '/v2/secrets');
    expect((all.json['secrets'] as object[])[0]).toEqual(one.json);
    for (const { text } of [made, changed, one, all]) expect(text).not.toMatch(/horse|staple|Y29ycmVjdC/);
  });

  it('keeps what apps use, and names them', async () => {
    await world.ask('PUT', '/v2/secrets/shop/db', { body: { value: 'x' } });
    const used = await world.ask('DELETE', '/v2/secrets/shop/db');
    expect([used.status, used.json['code'], used.json['apps']]).toEqual([
      409,
      'secret-in-use',
      ['/shop/web'],
    ]);
    await world.ask('PUT', '/v2/secrets/shop/free', { body: { value: 'x' } });
    expect((await world.ask('DELETE', '/v2/secrets/shop/free')).status).toBe(204);
    expect((await world.ask('GET', '/v2/secrets/shop/free')).status).toBe(404);
  });

  it('says what is wrong with a path or a value without repeating the value', async () => {
    const wrong = await world.ask('PUT', '/v2/secrets/a%20b', { body: { value: 'correct horse' } });
    const empty = await world.ask('PUT', '/v2/secrets/ab', { body: { valeu: 'correct horse' } });
    expect([wrong.status, empty.status]).toEqual([422, 422]);
    expect(wrong.text + empty.text).not.toContain('horse');
  });

  it('changes the key on request', async () => {
    expect((await world.ask('GET', '/v2/secret-key')).json).toEqual({ key: null });
    await world.ask('PUT', '/v2/secrets/a', { body: { value: 'x' } });
    const before = (await world.ask('GET', '/v2/secret-key')).json['key'] as { keyId: string };
    const { json } = await world.ask('POST', '/v2/secret-key');
    expect(json['secrets']).toBe(1);
    expect(json['keyId']).not.toBe(before.keyId);
  });
});

describe('secrets and rights', () => {
  it('are listed, and their users named, to those who may see them', async () => {
    const auth = await makeAuth();
    const world = await new ApiWorld().start({ auth });
    try {
      world.registry.put(web);
      const admin = bearer(OPERATOR_TOKEN);
      for (const path of ['/shop/db', '/other/db', '/mail'])
        await world.ask('PUT', `/v2/secrets${path}`, { headers: admin, body: { value: 'x' } });
      const headers = await auth.token('shop', [{ right: 'deploy', path: '/shop' }]);
      const { json } = await world.ask('GET', '/v2/secrets', { headers });
      expect((json['secrets'] as { path: string }[]).map(({ path }) => path)).toEqual(['/shop/db']);
      expect((await world.ask('GET', '/v2/secrets/other/db', { headers })).status).toBe(403);
      const { entries } = (await world.ask('GET', '/v2/audit', { headers: admin })).json as {
        entries: { path: string; status: number }[];
      };
      expect(entries.map(({ path }) => path)).toContain('/v2/secrets/shop/db');
    } finally {
      await world.stop();
    }
  });
});

describe('an app that names a secret', () => {
  it('is refused with the place in its definition when it is not there, or not for this app', async () => {
    const vault = new SecretWorld();
    const { book } = await vault.open();
    const { registry } = new AppWorld();
    const settings = {
      defaultRole: '*',
      restartOnAnyChange: false,
      hasSecret: (path: string) => book.has(path),
    };
    const changes = new AppChanges({ registry, contract, settings });
    const refusal = (source: string): unknown => {
      const prepare = changes.createApp({ id: '/shop/web', cmd: 'x', secrets: { db: { source } } });
      try {
        return prepare(web.app.version);
      } catch (error) {
        return (error as { details?: readonly { path: string; errors: string[] }[] }).details;
      }
    };
    expect(refusal('/shop/db')).toEqual([
      expect.objectContaining({ path: '/secrets/db/source', errors: ['secret /shop/db does not exist'] }),
    ]);
    expect(refusal('/blog/db')).toEqual([
      expect.objectContaining({ errors: ['/blog/db is not for this app'] }),
    ]);
    await book.put({
      path: '/shop/db',
      value: Buffer.from('x'),
      by: { principal: 'ann', requestId: 'r' },
      restarts: (): AppId[] => [],
    });
    expect(refusal('db')).toEqual([expect.objectContaining({ appId: '/shop/web' })]);
  });
});
