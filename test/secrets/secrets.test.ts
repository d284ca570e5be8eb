import { readFileSync, statSync } from 'node:fs';
import fc from 'fast-check';
import type { AppId, AppRecord } from '../../src/apps/app.js';
import { silentLog } from '../../src/logging/log.js';
import { seal, unseal } from '../../src/secrets/decide/seal.js';
import { readSecretInput } from '../../src/secrets/decide/secret-input.js';
import { mayUse, secretPathOf, secretPathProblem } from '../../src/secrets/decide/secret-path.js';
import { secretUses } from '../../src/secrets/decide/secret-uses.js';
import { RESTART_RETRY_MS, SecretRestarts } from '../../src/secrets/restarts.js';
import { MAX_SECRET_BYTES, MAX_SECRETS } from '../../src/secrets/secret.js';
import { record } from '../api/support/fakes.js';
import { SecretWorld } from '../api/support/secrets.js';

const by = { principal: 'ann', requestId: 'r1' };
const put = (path: string, value: string) => ({ path, value: Buffer.from(value), by, restarts: () => [] });
const key = (fill: number) => ({ id: `key-${fill}`, key: Buffer.alloc(32, fill) });

const web = record('/shop/web', {
  secrets: { db: { source: '/shop/db' }, token: { source: 'token' }, idle: { source: '/idle' } },
  env: { PASSWORD: { secret: 'db' } },
  container: {
    type: 'MESOS',
    volumes: [{ containerPath: 'token', secret: 'token', refresh: true }],
  },
});
const shop = {
  get: (appId: AppId): AppRecord | undefined => (appId === web.app.id ? web : undefined),
  all: () => [web],
};

describe('sealing', () => {
  const nonce = Buffer.alloc(12, 7);

  it('gives back what was sealed, to the same key and for the same purpose only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.nat(), (bytes, path, version) => {
        const value = Buffer.from(bytes);
        const sealed = seal(value, { path, version }, key(1), nonce);
        expect(unseal(sealed, { path, version }, key(1)).equals(value)).toBe(true);
        expect(() => unseal(sealed, { path, version }, key(2))).toThrow();
        expect(() => unseal(sealed, { path: `${path}x`, version }, key(1))).toThrow();
        expect(() => unseal(sealed, { path, version: version + 1 }, key(1))).toThrow();
      }),
      { numRuns: 50 },
    );
  });

  it('does not open what was changed on disk', () => {
    const sealed = seal(Buffer.from('correct horse'), { path: '/a', version: 1 }, key(1), nonce);
    const data = Buffer.from(sealed.data, 'base64');
    data[0] = (data[0] ?? 0) ^ 1;
    const changed = { ...sealed, data: data.toString('base64') };
    expect(() => unseal(changed, { path: '/a', version: 1 }, key(1))).toThrow();
  });
});

describe('whose a secret is', () => {
  it.each([
    ['/shop/web', '/shop/db', true],
    ['/shop/eu/web', '/shop/db', true],
    ['/shop/web', '/mail-key', true],
    ['/shopping/web', '/shop/db', false],
    ['/blog/web', '/shop/db', false],
    ['/shop', '/shop/db', false],
    ['/shop/web', '/shop/eu/db', false],
  ])('%s and %s: %s', (appId, path, may) => expect(mayUse(appId as AppId, path)).toBe(may));

  it('is told by an absolute source, or by one relative to the group of the app', () => {
    expect(secretPathOf('/shop/web' as AppId, 'db')).toBe('/shop/db');
    expect(secretPathOf('/shop/web' as AppId, '/mail')).toBe('/mail');
    expect(secretPathOf('/shop/web' as AppId, '../mail')).toBe('/mail');
  });

  it('has a path of plain words', () => {
    expect(['/db', '/shop/DB_password.v2'].map(secretPathProblem)).toEqual([undefined, undefined]);
    for (const path of ['/', 'db', '/a//b', '/a b', '/..', '/a/-b', `/${'x'.repeat(65)}`])
      expect(secretPathProblem(path)).toEqual(expect.any(String));
  });

  it('is used by name, and only what a running process cannot see asks for a new one', () => {
    const { paths, restart } = secretUses(web.app);
    expect([...paths].sort()).toEqual(['/idle', '/shop/db', '/shop/token']);
    expect([...restart]).toEqual(['/shop/db']);
  });
});

describe('a value that is sent', () => {
  it('is text or base64, not empty, and at most 64 KiB', () => {
    expect(readSecretInput({ value: 'ä' })).toEqual(Buffer.from('ä'));
    expect(readSecretInput({ base64: '/wA=' })).toEqual(Buffer.from([255, 0]));
    expect(readSecretInput({ value: 'x'.repeat(MAX_SECRET_BYTES) })).toHaveLength(MAX_SECRET_BYTES);
    const wrong = [
      null,
      [],
      {},
      { value: '' },
      { value: 1 },
      { base64: '!' },
      { value: 'a', base64: 'YQ==' },
    ];
    for (const body of [...wrong, { value: 'a', more: 1 }, { value: 'x'.repeat(MAX_SECRET_BYTES + 1) }])
      expect(() => readSecretInput(body)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});

describe('the book of secrets', () => {
  it('keeps values over a restart, and on disk only sealed', async () => {
    const world = new SecretWorld();
    const store = await world.store();
    const { book } = await world.open(store);
    await book.put(put('/shop/db', 'correct horse battery'));
    const stored: unknown[] = [];
    for await (const each of store.scan('')) stored.push(each);
    const text = JSON.stringify(stored);
    expect(text).toContain('/shop/db');
    expect(text).not.toContain('correct horse');
    expect(text).not.toContain(Buffer.from('correct horse battery').toString('base64').slice(0, 20));
    expect(statSync(world.keyPath).mode & 0o777).toBe(0o600);
    const again = await world.open();
    expect(again.book.open('/shop/db')?.toString()).toBe('correct horse battery');
    expect(again.book.list()).toEqual([expect.objectContaining({ path: '/shop/db', version: 1, size: 21 })]);
    expect(JSON.stringify(again.book.list())).not.toContain('sealed');
  });

  it('counts versions, and takes the same value for no change', async () => {
    const { book } = await new SecretWorld().open();
    expect((await book.put(put('/a', 'one'))).outcome).toBe('created');
    expect((await book.put(put('/a', 'one'))).outcome).toBe('same');
    const { facts, outcome } = await book.put(put('/a', 'two'));
    expect([outcome, facts.version, facts.versions.map(({ version }) => version)]).toEqual([
      'changed',
      2,
      [1, 2],
    ]);
    for (let index = 0; index < 20; index++) await book.put(put('/a', `value ${index}`));
    expect(book.get('/a')?.versions).toHaveLength(10);
  });

  it('changes its key: everything opens, nothing does with the former key, and the former key is gone', async () => {
    const world = new SecretWorld();
    const { book } = await world.open();
    for (let index = 0; index < 120; index++) await book.put(put(`/s${index}`, `value ${index}`));
    const former = readFileSync(world.keyPath, 'utf8');
    expect(await book.rotateKey()).toMatchObject({ secrets: 120 });
    const now = JSON.parse(readFileSync(world.keyPath, 'utf8')) as { keys: { key: string }[] };
    expect(now.keys).toHaveLength(1);
    expect(former).not.toContain(now.keys[0]?.key);
    const again = await world.open();
    for (let index = 0; index < 120; index++)
      expect(again.book.open(`/s${index}`)?.toString()).toBe(`value ${index}`);
  });

  it('finishes a change of its key that a crash cut short', async () => {
    const world = new SecretWorld();
    const store = await world.store();
    const { book } = await world.open(store);
    await book.put(put('/a', 'one'));
    store.failNextFlush();
    await expect(book.rotateKey()).rejects.toMatchObject({ code: 'flush-failed' });
    const again = await world.open();
    expect(again.book.open('/a')?.toString()).toBe('one');
    expect((JSON.parse(readFileSync(world.keyPath, 'utf8')) as { keys: object[] }).keys).toHaveLength(1);
  });

  it('takes no more than there is room for', async () => {
    const { book } = await new SecretWorld().open();
    for (let index = 0; index < MAX_SECRETS; index++) await book.put(put(`/s${index}`, 'x'));
    await expect(book.put(put('/more', 'x'))).rejects.toMatchObject({ code: 'too-many-secrets' });
    expect((await book.put(put('/s1', 'y'))).outcome).toBe('changed');
  });
});

describe('secrets and the apps that use them', () => {
  it('refuse to go while an app names them', async () => {
    const { secrets } = await new SecretWorld(shop).open();
    await secrets.set('/shop/db', Buffer.from('x'), by);
    await expect(secrets.remove('/shop/db')).rejects.toMatchObject({
      code: 'secret-in-use',
      extra: { apps: ['/shop/web'] },
    });
    await secrets.set('/shop/other', Buffer.from('x'), by);
    await secrets.remove('/shop/other');
    await expect(secrets.remove('/shop/other')).rejects.toMatchObject({ code: 'secret-not-found' });
  });

  it('restart those that cannot see a new value, and tell agents of it', async () => {
    const world = new SecretWorld(shop);
    const { secrets } = await world.open();
    for (const path of ['/shop/db', '/shop/token']) await secrets.set(path, Buffer.from('one'), by);
    expect([world.restarts, world.changed]).toEqual([[], []]);
    await secrets.set('/shop/token', Buffer.from('two'), by);
    expect([world.restarts, world.changed]).toEqual([[], ['/shop/token']]);
    await secrets.set('/shop/db', Buffer.from('two'), by);
    expect(world.restarts).toEqual([{ appId: '/shop/web', path: '/shop/db', by }]);
  });

  it('open for no app of another group', async () => {
    const { secrets } = await new SecretWorld(shop).open();
    await secrets.set('/shop/db', Buffer.from('x'), by);
    expect(secrets.open('/shop/web' as AppId, ['/shop/db'])).toEqual({ values: { '/shop/db': 'eA==' } });
    expect(secrets.open('/blog/web' as AppId, ['/shop/db'])).toHaveProperty('failure');
    expect(secrets.open('/shop/web' as AppId, ['/shop/db', '/shop/no'])).toHaveProperty('failure');
  });
});

describe('a restart for a changed secret', () => {
  it('outlives the server, waits for the deployment that holds the app, and happens once', async () => {
    const world = new SecretWorld(shop);
    const first = await world.open();
    await first.secrets.set('/shop/db', Buffer.from('one'), by);
    await first.secrets.set('/shop/db', Buffer.from('two'), by);
    const store = await world.store();
    const asked: unknown[] = [];
    let holds: string[] = ['another deployment'];
    const restarts = (): SecretRestarts =>
      new SecretRestarts({
        store,
        epoch: 1,
        deployments: {
          affecting: () => holds,
          change: async (_, options) => {
            asked.push(options.by);
            return { deploymentId: 'd1', version: web.app.version };
          },
        },
        restart: () => () => [],
        clock: world.clock,
        log: silentLog,
      });
    const waiting = restarts();
    await waiting.start();
    await world.clock.advanceAsync(RESTART_RETRY_MS * 2);
    expect([asked, waiting.size]).toEqual([[], 1]);
    holds = [];
    await world.clock.advanceAsync(RESTART_RETRY_MS * 2);
    expect([asked, waiting.size]).toEqual([[by], 0]);
    waiting.stop();
    const after = restarts();
    await after.start();
    expect(after.size).toBe(0);
    after.stop();
  });
});
