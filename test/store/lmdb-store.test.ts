import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/logging/log.js';
import type { Migration } from '../../src/store/format.js';
import { EPOCH_KEY } from '../../src/store/group-commit.js';
import { LmdbEnvironment } from '../../src/store/lmdb-environment.js';
import { LmdbStore, type LmdbStoreOptions, restoreLmdb } from '../../src/store/lmdb-store.js';
import { allOf, codeOf, put, stateStoreContract } from './state-store-contract.js';

const made: string[] = [];
const openStores = new Set<LmdbStore>();

function freshDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-store-'));
  made.push(dir);
  return dir;
}

async function opened(dir: string, more: Partial<LmdbStoreOptions> = {}): Promise<LmdbStore> {
  const store = new LmdbStore({ dir, log: silentLog, ...more });
  openStores.add(store);
  await store.open();
  return store;
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: Error) => error.message,
  );
}

afterEach(async () => {
  for (const store of openStores) await store.close();
  openStores.clear();
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

stateStoreContract('LmdbStore', () => {
  const dir = freshDir();
  return {
    open: () => opened(dir),
    reopen: async (store) => {
      await store.close();
      return opened(dir);
    },
    dispose: async () => undefined,
  };
});

describe('LmdbStore', () => {
  it('never returns a record that does not match its checksum: get and scan name its key, a backup goes without it', async () => {
    const dir = freshDir();
    const store = await opened(dir);
    await store.commit({
      epoch: 1,
      writes: [put('app!/a', { n: 'healthy' }), put('app!/b', { n: 'victim' })],
    });
    await store.close();
    const environment = new LmdbEnvironment(dir);
    environment.open();
    const bytes = environment.get('app!/b');
    if (!bytes) throw new Error('the record is missing');
    bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1;
    await environment.flush([{ key: 'app!/b', bytes }]);
    // A whole record under a wrong key is damage too.
    await environment.flush([{ key: 'app!/c', bytes: environment.get('app!/a') }]);
    await environment.close();
    const damaged = await opened(dir);
    expect(await damaged.get('app!/a')).toEqual({ n: 'healthy' });
    for (const key of ['app!/b', 'app!/c']) {
      expect(await codeOf(damaged.get(key))).toBe('corrupt-record');
      expect(await messageOf(damaged.get(key))).toContain(key);
    }
    expect(await codeOf(allOf(damaged))).toBe('corrupt-record');
    const told: string[] = [];
    const others: string[] = [];
    for await (const { key } of damaged.scan('app!', { onCorrupt: ({ key }) => told.push(key) }))
      others.push(key);
    expect([told, others]).toEqual([['app!/b', 'app!/c'], ['app!/a']]);
    await damaged.backup(join(dir, 'copy'));
    const restored = freshDir();
    await restoreLmdb(join(dir, 'copy'), restored);
    expect(await allOf(await opened(restored))).toEqual([{ key: 'app!/a', value: { n: 'healthy' } }]);
  });

  it('opens although the record of its highest epoch is damaged, and writes it anew', async () => {
    const dir = freshDir();
    const store = await opened(dir);
    await store.commit({ epoch: 3, writes: [put('app!/a', 1)] });
    await store.close();
    const environment = new LmdbEnvironment(dir);
    environment.open();
    const bytes = environment.get(EPOCH_KEY);
    if (!bytes) throw new Error('the record is missing');
    bytes[2] = (bytes[2] ?? 0) ^ 1;
    await environment.flush([{ key: EPOCH_KEY, bytes }]);
    await environment.close();
    const damaged = await opened(dir);
    await damaged.commit({ epoch: 4, writes: [put('app!/a', 2)] });
    await damaged.close();
    const again = await opened(dir);
    expect(await again.get('app!/a')).toBe(2);
    expect(await codeOf(again.commit({ epoch: 3, writes: [] }))).toBe('stale-epoch');
  });

  it('refuses a directory that another store has open, with a sentence, and takes it when that is closed', async () => {
    const dir = freshDir();
    const first = await opened(dir);
    const second = new LmdbStore({ dir, log: silentLog });
    const message = await messageOf(second.open());
    expect(message).toMatch(
      new RegExp(`in use by process ${process.pid} \\(started at tick \\d+ of boot [0-9a-f-]+\\)`),
    );
    await first.commit({ epoch: 1, writes: [put('k', 1)] });
    await first.close();
    expect(await (await opened(dir)).get('k')).toBe(1);
  });

  it('keeps its files from other users', async () => {
    const dir = join(freshDir(), 'store');
    await opened(dir);
    expect(statSync(dir).mode & 0o077).toBe(0);
  });

  it('keeps every one of 20 000 commits that come 500 at a time', async () => {
    const store = await opened(freshDir());
    const total = 20_000;
    let next = 0;
    await Promise.all(
      Array.from({ length: 500 }, async () => {
        while (next < total) {
          const n = next++;
          await store.commit({ epoch: 1, writes: [put(`instance!${n}`, { id: n, state: 'Running' })] });
        }
      }),
    );
    expect((await allOf(store, 'instance!')).length).toBe(total);
  });
});

describe('the format of an LmdbStore', () => {
  const renameField: Migration = {
    to: 2,
    what: 'apps carry mem as memMiB',
    migrate: ({ key, value }) => {
      if (key === 'obsolete!x') return [];
      if (!key.startsWith('app!')) return [{ key, value }];
      const { mem, ...rest } = value as { mem: number };
      return [{ key, value: { ...rest, memMiB: mem } }];
    },
  };

  it('is raised by migrations after an automatic backup, which restores the old state', async () => {
    const dir = freshDir();
    const old = await opened(dir);
    await old.commit({
      epoch: 3,
      writes: [put('app!/a', { mem: 32 }), put('instance!1', { mem: 1 }), put('obsolete!x', 1)],
    });
    await old.close();
    const migrated = await opened(dir, { migrations: [renameField] });
    expect(await allOf(migrated)).toEqual([
      { key: 'app!/a', value: { memMiB: 32 } },
      { key: 'instance!1', value: { mem: 1 } },
    ]);
    expect(await codeOf(migrated.commit({ epoch: 2, writes: [] }))).toBe('stale-epoch');
    await migrated.close();
    const backups = readdirSync(dir).filter((name) => name.endsWith('.backup'));
    expect(backups.length).toBe(1);
    const other = freshDir();
    await restoreLmdb(join(dir, backups[0] ?? ''), other);
    expect(await allOf(await opened(other))).toEqual([
      { key: 'app!/a', value: { mem: 32 } },
      { key: 'instance!1', value: { mem: 1 } },
      { key: 'obsolete!x', value: 1 },
    ]);
  });

  it('is refused when it is newer than what we know, with a sentence, and nothing is touched', async () => {
    const dir = freshDir();
    const newer = await opened(dir, { migrations: [renameField] });
    await newer.commit({ epoch: 1, writes: [put('k', 1)] });
    await newer.close();
    const message = await messageOf(new LmdbStore({ dir, log: silentLog }).open());
    expect(message).toContain('has format 2, this version of longrun knows formats up to 1');
    expect(await (await opened(dir, { migrations: [renameField] })).get('k')).toBe(1);
  });
});

describe('restoring a backup', () => {
  async function backupOf(records: Record<string, unknown>): Promise<string> {
    const dir = freshDir();
    const store = await opened(join(dir, 'store'));
    await store.commit({ epoch: 1, writes: Object.entries(records).map(([key, value]) => put(key, value)) });
    const file = join(dir, 'state.backup');
    await store.backup(file);
    await store.close();
    return file;
  }

  it('replaces everything by what the backup holds and keeps the old data beside it', async () => {
    const file = await backupOf({ 'app!/a': { text: 'line\u2028separator "quoted"\n' }, 'app!/ü': 1 });
    const dir = freshDir();
    const store = await opened(dir);
    await store.commit({ epoch: 1, writes: [put('app!/old', 1)] });
    expect(await codeOf(restoreLmdb(file, dir))).toBe('store-failed');
    await store.close();
    await restoreLmdb(file, dir);
    expect(await allOf(await opened(dir))).toEqual([
      { key: 'app!/a', value: { text: 'line\u2028separator "quoted"\n' } },
      { key: 'app!/ü', value: 1 },
    ]);
    expect(readdirSync(dir).some((name) => name.startsWith('data.mdb.before-restore-'))).toBe(true);
    expect(readdirSync(dir)).not.toContain('restoring');
  });

  it('refuses a backup that is cut, changed or extended anywhere, and leaves the store as it was', async () => {
    const file = await backupOf({ 'app!/a': { n: 1 }, 'app!/b': { n: 2 } });
    const dir = freshDir();
    const store = await opened(dir);
    await store.commit({ epoch: 1, writes: [put('mine', 1)] });
    await store.close();
    const text = readFileSync(file, 'utf8');
    const lines = text.split('\n');
    const broken = [
      '',
      text.slice(0, -20),
      lines.slice(0, 3).join('\n'),
      [lines[0], lines[1], ...lines.slice(3)].join('\n'),
      text.replace('{"n":2}', '{"n":3}'),
      text.replace('app!/b', 'app!/c'),
      `${text}["app!/x",1,1]\n`,
      text.replace('longrun-store 1', 'longrun-store 0'),
      '{"name":"something else"}\n',
    ];
    for (const [index, content] of broken.entries()) {
      const damaged = join(freshDir(), 'damaged');
      writeFileSync(damaged, content);
      expect([index, await codeOf(restoreLmdb(damaged, dir))]).toEqual([index, 'corrupt-record']);
    }
    const newer = join(freshDir(), 'newer');
    writeFileSync(newer, text.replace('longrun-store 1', 'longrun-store 7'));
    expect(await codeOf(restoreLmdb(newer, dir))).toBe('format-too-new');
    expect(await allOf(await opened(dir))).toEqual([{ key: 'mine', value: 1 }]);
  });
});
