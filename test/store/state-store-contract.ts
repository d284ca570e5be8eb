import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  type StateStore,
  StoreError,
  type StoreRecord,
  type StoreWrite,
} from '../../src/store/state-store.js';

/** A store under test: `open` gives a fresh one, `reopen` closes it and opens the same data again. */
export interface StoreHarness {
  open(): Promise<StateStore>;
  reopen(store: StateStore): Promise<StateStore>;
  dispose(): Promise<void>;
}

export async function allOf(store: StateStore, prefix = ''): Promise<StoreRecord[]> {
  const records: StoreRecord[] = [];
  for await (const record of store.scan(prefix)) records.push(record);
  return records;
}

export const put = (key: string, value: unknown): StoreWrite => ({ op: 'put', key, value });
export const remove = (key: string): StoreWrite => ({ op: 'delete', key });

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error instanceof StoreError ? error.code : `not a StoreError: ${String(error)}`;
  }
}

/** What every StateStore must do; run against each implementation. */
export function stateStoreContract(name: string, makeHarness: () => StoreHarness): void {
  describe(`${name} keeps the contract of a state store:`, () => {
    let harness: StoreHarness;
    let store: StateStore;
    beforeEach(async () => {
      harness = makeHarness();
      store = await harness.open();
    });
    afterEach(() => harness.dispose());

    it('gives back what was committed, also after reopening', async () => {
      const value = { id: '/a', n: 1.5, list: [null, true, 'ü\u2028😀'], nested: { x: '' } };
      await store.commit({ epoch: 1, writes: [put('app!/a', value), put('app!/b', 'text')] });
      expect(await store.get('app!/a')).toEqual(value);
      store = await harness.reopen(store);
      expect(await store.get('app!/a')).toEqual(value);
      expect(await store.get('app!/b')).toBe('text');
      expect(await store.get('app!/c')).toBeUndefined();
    });

    it('applies the writes of one batch in order, last one wins', async () => {
      await store.commit({
        epoch: 1,
        writes: [put('k', 1), remove('k'), put('k', 2), put('gone', 1), remove('gone')],
      });
      expect(await allOf(store)).toEqual([{ key: 'k', value: 2 }]);
    });

    it('takes the value as it is at the call, whatever the caller does with it later', async () => {
      const value = { n: 1 };
      const done = store.commit({ epoch: 1, writes: [put('k', value)] });
      value.n = 2;
      await done;
      expect(await store.get('k')).toEqual({ n: 1 });
    });

    it('takes a batch of thousands whole, in its place among the others, or refuses it whole', async () => {
      const many = Array.from({ length: 3_000 }, (_, n) => put(`many!${n}`, n));
      const before = store.commit({ epoch: 1, writes: [put('many!7', 'before'), put('k', 1)] });
      const big = store.commit({ epoch: 1, writes: many });
      const after = store.commit({ epoch: 1, writes: [put('many!8', 'after'), put('k', 2)] });
      const wrong = store.commit({ epoch: 1, writes: [...many.slice(0, 2_999), put('many!9', undefined)] });
      const last = store.commit({ epoch: 1, writes: [put('k', 3)] });
      await Promise.all([before, big, after, last]);
      expect(await codeOf(wrong)).toBe('store-failed');
      expect((await allOf(store, 'many!')).length).toBe(3_000);
      expect(await Promise.all(['many!7', 'many!8', 'many!9', 'k'].map((key) => store.get(key)))).toEqual([
        7,
        'after',
        9,
        3,
      ]);
    });

    it('scans exactly the keys with a prefix, in the order of their UTF-8 bytes', async () => {
      const keys = ['a!2', 'a!10', 'a!', 'a', 'b!1', 'a!\u{1F600}', 'a!\uFFFD', 'a!ü'];
      await store.commit({ epoch: 1, writes: keys.map((key) => put(key, key)) });
      const scanned = (await allOf(store, 'a!')).map(({ key }) => key);
      expect(scanned).toEqual(['a!', 'a!10', 'a!2', 'a!ü', 'a!\uFFFD', 'a!\u{1F600}']);
      expect((await allOf(store)).length).toBe(keys.length);
    });

    it('a scan longer than a slice sees every record, and an abandoned scan does no harm', async () => {
      const keys = Array.from({ length: 1_234 }, (_, i) => `k!${String(i).padStart(5, '0')}`);
      await store.commit({ epoch: 1, writes: keys.map((key, i) => put(key, i)) });
      expect((await allOf(store, 'k!')).map(({ key, value }) => [key, value])).toEqual(
        keys.map((key, i) => [key, i]),
      );
      for await (const { key } of store.scan('k!')) if (key === keys[3]) break;
      await store.commit({ epoch: 1, writes: [remove(keys[0] ?? '')] });
      expect((await allOf(store, 'k!')).length).toBe(1_233);
    });

    it('refuses a deposed writer and applies nothing of it, also after reopening', async () => {
      await store.commit({ epoch: 5, writes: [put('k', 'five')] });
      expect(await codeOf(store.commit({ epoch: 4, writes: [put('k', 'four')] }))).toBe('stale-epoch');
      store = await harness.reopen(store);
      expect(await codeOf(store.commit({ epoch: 4, writes: [put('k', 'four')] }))).toBe('stale-epoch');
      await store.commit({ epoch: 5, writes: [put('l', 1)] });
      expect(await allOf(store)).toEqual([
        { key: 'k', value: 'five' },
        { key: 'l', value: 1 },
      ]);
      expect(store.health()).toEqual({ writable: true });
    });

    it('within one group a lower epoch behind a higher one is refused, the others pass', async () => {
      const codes = await Promise.all([
        codeOf(store.commit({ epoch: 1, writes: [put('a', 1)] })),
        codeOf(store.commit({ epoch: 3, writes: [put('b', 1)] })),
        codeOf(store.commit({ epoch: 2, writes: [put('c', 1)] })),
        codeOf(store.commit({ epoch: 3, writes: [put('d', 1)] })),
      ]);
      expect(codes).toEqual(['no error', 'no error', 'stale-epoch', 'no error']);
      expect((await allOf(store)).map(({ key }) => key)).toEqual(['a', 'b', 'd']);
    });

    it('refuses keys that are its own, empty or too long, and values that are no JSON, without any harm', async () => {
      for (const write of [put('!epoch', 9), put('', 1), put('x'.repeat(2_000), 1), put('k', undefined)]) {
        expect(await codeOf(store.commit({ epoch: 1, writes: [put('ok', 1), write] }))).toBe('store-failed');
      }
      expect(await allOf(store)).toEqual([]);
      expect(store.health()).toEqual({ writable: true });
    });

    it('ends what was accepted before it closes, and refuses everything after', async () => {
      const done = store.commit({ epoch: 1, writes: [put('k', 1)] });
      const closed = store.close();
      await Promise.all([done, closed]);
      await store.close();
      expect(await codeOf(store.commit({ epoch: 1, writes: [] }))).toBe('closed');
      expect(await codeOf(store.get('k'))).toBe('closed');
      expect(await codeOf(allOf(store))).toBe('closed');
    });

    it('a backup made while writes go on holds one moment: all of a batch or nothing', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'longrun-backup-'));
      try {
        const pair = (n: number) => ({
          epoch: 1,
          writes: [put('first', n), put('second', n), put(`filler!${n}`, n)],
        });
        await store.commit({
          epoch: 1,
          writes: Array.from({ length: 1_000 }, (_, i) => put(`a!${i}`, 'x'.repeat(50))),
        });
        await store.commit(pair(0));
        let writing = true;
        const writer = (async () => {
          for (let n = 1; writing; n++) {
            await store.commit(pair(n));
            await new Promise<void>((next) => setImmediate(next));
          }
        })();
        const file = join(dir, 'state.backup');
        await store.backup(file);
        writing = false;
        await writer;
        const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
        const records = new Map(lines.slice(1, -1).map((line) => [JSON.parse(line)[0], JSON.parse(line)[2]]));
        expect(records.get('first')).toBe(records.get('second'));
        expect(records.get(`filler!${records.get('first')}`)).toBe(records.get('first'));
        expect(JSON.parse(lines.at(-1) ?? '').records).toBe(records.size);
        expect(statSync(file).mode & 0o777).toBe(0o600);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });

    it('any sequence of concurrent batches ends as if they had been applied one after the other', async () => {
      const write = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.option(fc.nat(99)) });
      const batches = fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 12 });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(batches, async (plan) => {
          const prefix = `r${round++}!`;
          const expected = new Map<string, number>();
          await Promise.all(
            plan.map((writes) =>
              store.commit({
                epoch: 1,
                writes: writes.map(({ key, value }) =>
                  value === null ? remove(prefix + key) : put(prefix + key, value),
                ),
              }),
            ),
          );
          for (const { key, value } of plan.flat()) {
            if (value === null) expected.delete(prefix + key);
            else expected.set(prefix + key, value);
          }
          const found = (await allOf(store, prefix)).map(({ key, value }) => [key, value]);
          expect(found).toEqual([...expected].sort(([a], [b]) => (a < b ? -1 : 1)));
        }),
        { numRuns: 40 },
      );
    });
  });
}
