import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditFacts, AuditTrail } from '../../src/auth/audit-trail.js';
import { Authenticator } from '../../src/auth/authenticator.js';
import { PasswordGate } from '../../src/auth/password-gate.js';
import { TokenBook } from '../../src/auth/token-book.js';
import { silentLog } from '../../src/logging/log.js';
import { LmdbStore } from '../../src/store/lmdb-store.js';
import { MemoryDisk, MemoryStore } from '../../src/store/memory-store.js';
import type { StateStore } from '../../src/store/state-store.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { hashPassword } from '../../src/util/password-hash.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const clock = new VirtualClock();
const grants = [{ right: 'deploy', path: '/shop' }] as const;

async function memory(disk = new MemoryDisk()): Promise<MemoryStore> {
  const store = new MemoryStore({ clock, log: silentLog, disk });
  await store.open();
  return store;
}

/** The store tries again after a failed flush. */
const repaired = (): Promise<void> => clock.advanceAsync(30_000);

async function bookOn(store: StateStore): Promise<TokenBook> {
  const book = new TokenBook({ store, epoch: 1, clock, dice: new SystemDice(), log: silentLog });
  await book.start();
  return book;
}

async function trailOn(store: StateStore, capacity: number): Promise<AuditTrail> {
  const trail = new AuditTrail({ store, epoch: 1, capacity, clock, log: silentLog });
  await trail.start();
  return trail;
}

describe('tokens', () => {
  it('are on disk only as their hash, which is no token itself', async () => {
    const dir = temporaryFolder('tokens');
    const store = new LmdbStore({ dir, log: silentLog, clock: new SystemClock() });
    await store.open();
    const book = await bookOn(store);
    const { secret } = await book.create({ name: 'ci', grants }, 'operator');
    await store.close();
    const bytes = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('');
    expect(bytes).not.toContain(secret);
    expect(bytes).not.toContain(secret.slice(3));
    const hash = createHash('sha256').update(secret).digest('hex');
    expect(bytes).toContain(hash);
    expect(book.find(hash).state).toBe('unknown');
    expect(book.find(`lr_${hash}`).state).toBe('unknown');
    book.stop();
  });

  it('and revocations outlive a restart', async () => {
    const disk = new MemoryDisk();
    const first = await bookOn(await memory(disk));
    const kept = await first.create({ name: 'kept', grants }, 'operator');
    const gone = await first.create({ name: 'gone', grants }, 'operator');
    expect(await first.revoke(gone.token.id)).toBe(true);
    const second = await bookOn(await memory(disk));
    expect(second.find(kept.secret)).toMatchObject({ state: 'valid', principal: { name: 'kept', grants } });
    expect(second.find(gone.secret).state).toBe('unknown');
    await second.create({ name: 'gone', grants }, 'operator');
  });

  it('that could not be stored do not count, and may be made again', async () => {
    const store = await memory();
    const book = await bookOn(store);
    store.failNextFlush();
    await expect(book.create({ name: 'ci', grants }, 'operator')).rejects.toMatchObject({
      code: 'flush-failed',
    });
    expect(book.list()).toEqual([]);
    await repaired();
    await book.create({ name: 'ci', grants }, 'operator');
  });

  it('whose revocation could not be stored still count', async () => {
    const store = await memory();
    const book = await bookOn(store);
    const { token, secret } = await book.create({ name: 'ci', grants }, 'operator');
    store.failNextFlush();
    await expect(book.revoke(token.id)).rejects.toMatchObject({ code: 'flush-failed' });
    expect(book.find(secret).state).toBe('valid');
  });

  it('expire by the clock, stay listed for a week and are forgotten then', async () => {
    const store = await memory();
    const book = await bookOn(store);
    const { secret } = await book.create({ name: 'ci', grants, expiresInSeconds: 60 }, 'operator');
    clock.advance(59_999);
    expect(book.find(secret).state).toBe('valid');
    clock.advance(1);
    expect(book.find(secret).state).toBe('expired');
    await clock.advanceAsync(6 * 86_400_000);
    expect(book.list()).toHaveLength(1);
    await clock.advanceAsync(2 * 86_400_000);
    expect(book.list()).toEqual([]);
    expect(book.find(secret).state).toBe('unknown');
    book.stop();
  });
});

describe('who asks', () => {
  const password = 'correct horse';
  const header = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

  it('with a password never counts as the holder of a token, for what a browser could be made to ask', async () => {
    const authenticator = new Authenticator({
      required: true,
      operatorToken: 'operator-token',
      credentials: hashPassword('ann', password),
      tokens: await bookOn(await memory()),
    });
    expect(await authenticator.administratorByToken(header(`ann:${password}`))).toBeUndefined();
    expect(await authenticator.administratorByToken('Bearer operator-token')).toMatchObject({
      kind: 'operator',
    });
    expect(await authenticator.administratorByToken('Bearer operator-toke')).toBeUndefined();
    expect(await authenticator.authenticate(header(`ann:${password}`))).toMatchObject({ name: 'ann' });
    await expect(authenticator.authenticate(undefined)).rejects.toMatchObject({ status: 401 });
  });

  it('with ever new wrong passwords keeps only a few of them busy at once', async () => {
    const gate = new PasswordGate(hashPassword('ann', password));
    const guesses = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => gate.accepts('ann', `${n}`)),
    );
    const refused = guesses.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(16);
    expect(await gate.accepts('ann', password)).toBe(true);
    expect(await gate.accepts('bob', password)).toBe(false);
  });
});

describe('the audit trail', () => {
  const facts = (n: number, status = 200): AuditFacts => ({
    who: 'ann',
    kind: 'user',
    from: '127.0.0.1',
    method: 'POST',
    path: `/${n}`,
    status,
    requestId: 'r',
  });
  const paths = async (trail: AuditTrail): Promise<readonly string[]> =>
    (await trail.page({ after: 0, limit: 1_000 }, {})).entries.map(({ path }) => path);

  it('keeps its newest entries and its numbers over a restart', async () => {
    const disk = new MemoryDisk();
    const first = await trailOn(await memory(disk), 10);
    for (let n = 1; n <= 25; n++) await first.append(facts(n));
    expect(await paths(first)).toEqual(Array.from({ length: 10 }, (_, n) => `/${n + 16}`));
    expect([...disk.records.keys()].filter((key) => key.startsWith('audit!'))).toHaveLength(10);
    const second = await trailOn(await memory(disk), 5);
    await second.append(facts(26));
    expect(await paths(second)).toEqual(['/22', '/23', '/24', '/25', '/26']);
    expect((await second.page({ after: undefined, limit: 2 }, {})).entries.map(({ seq }) => seq)).toEqual([
      25, 26,
    ]);
  });

  it('is not flooded by refusals, and says how many it does not tell', async () => {
    const trail = await trailOn(await memory(), 1_000);
    for (let n = 1; n <= 300; n++) await trail.append(facts(n, [401, 403, 422, 409][n % 4]));
    expect(await paths(trail)).toHaveLength(100);
    await trail.append(facts(301));
    clock.advance(1_000);
    await trail.append(facts(302, 403));
    const { entries } = await trail.page({ after: 100, limit: 10 }, {});
    expect(entries).toMatchObject([{ path: '/301' }, { path: '/302', untold: 200 }]);
  });

  it('goes on after an entry that could not be written', async () => {
    const store = await memory();
    const trail = await trailOn(store, 3);
    for (let n = 1; n <= 3; n++) await trail.append(facts(n));
    store.failNextFlush();
    await expect(trail.append(facts(4))).rejects.toMatchObject({ code: 'flush-failed' });
    await repaired();
    await trail.append(facts(5));
    expect(await paths(trail)).toEqual(['/3', '/5']);
    const page = await trail.page({ after: 3, limit: 1 }, {});
    expect(page).toMatchObject({ entries: [{ path: '/5' }], next: 5 });
  });
});
