import { silentLog } from '../../src/logging/log.js';
import { type MemoryDisk, MemoryStore, type MemoryStoreOptions } from '../../src/store/memory-store.js';
import type { StoreHealth } from '../../src/store/state-store.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { allOf, codeOf, put, stateStoreContract } from './state-store-contract.js';

async function opened(disk?: MemoryDisk, more: Partial<MemoryStoreOptions> = {}): Promise<MemoryStore> {
  const store = new MemoryStore({
    clock: new VirtualClock(),
    log: silentLog,
    ...(disk ? { disk } : {}),
    ...more,
  });
  await store.open();
  return store;
}

const turn = (): Promise<void> => new Promise((next) => setImmediate(next));

stateStoreContract('MemoryStore', () => ({
  open: () => opened(),
  reopen: async (store) => {
    await store.close();
    return opened((store as MemoryStore).disk);
  },
  dispose: async () => undefined,
}));

describe('MemoryStore under faults:', () => {
  it('leaves out of a scan what does not match its checksum, when somebody wants to be told', async () => {
    const store = await opened();
    await store.commit({ epoch: 1, writes: [put('a!1', 1), put('a!2', 2), put('a!3', 3)] });
    const bytes = store.disk.records.get('a!2');
    if (!bytes) throw new Error('the record is missing');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const told: string[] = [];
    const values: unknown[] = [];
    for await (const { value } of store.scan('a!', { onCorrupt: ({ problem }) => told.push(problem) }))
      values.push(value);
    expect(values).toEqual([1, 3]);
    expect(told).toEqual([expect.stringContaining('a!2')]);
    expect(await codeOf(allOf(store))).toBe('corrupt-record');
  });

  it('commits of one turn, and those that come while a flush is under way, share a flush each', async () => {
    const store = await opened();
    store.holdFlushes();
    const first = Promise.all([1, 2, 3].map((n) => store.commit({ epoch: 1, writes: [put(`a${n}`, n)] })));
    await turn();
    expect(store.flushes).toBe(1);
    const second = Promise.all([1, 2, 3].map((n) => store.commit({ epoch: 1, writes: [put(`b${n}`, n)] })));
    await turn();
    expect([store.flushes, store.heldFlushes]).toEqual([1, 1]);
    store.releaseFlushes();
    await Promise.all([first, second]);
    expect(store.flushes).toBe(2);
  });

  it('nothing is seen or answered before the flush has ended', async () => {
    const store = await opened();
    store.holdFlushes();
    let answered = false;
    const done = store.commit({ epoch: 1, writes: [put('k', 1)] }).then(() => {
      answered = true;
    });
    await turn();
    expect([answered, await store.get('k')]).toEqual([false, undefined]);
    store.releaseFlushes();
    await done;
    expect(await store.get('k')).toBe(1);
  });

  it('a failed flush refuses its batches and all behind them, then recovers by itself', async () => {
    const clock = new VirtualClock();
    const store = await opened(undefined, { clock });
    const told: StoreHealth[] = [];
    store.onHealth((health) => told.push(health));
    store.holdFlushes();
    const first = codeOf(store.commit({ epoch: 1, writes: [put('a', 1)] }));
    await turn();
    const behind = codeOf(store.commit({ epoch: 1, writes: [put('b', 1)] }));
    store.failNextFlush();
    store.releaseFlushes();
    expect(await Promise.all([first, behind])).toEqual(['flush-failed', 'flush-failed']);
    expect(await allOf(store)).toEqual([]);
    expect(await codeOf(store.commit({ epoch: 1, writes: [put('c', 1)] }))).toBe('flush-failed');
    await clock.advanceAsync(500);
    expect(store.health()).toEqual({ writable: true });
    expect(told.map(({ writable }) => writable)).toEqual([false, true]);
    await store.commit({ epoch: 1, writes: [put('d', 1)] });
    expect((await allOf(store)).map(({ key }) => key)).toEqual(['d']);
  });

  it('while the disk is full writes are refused with that code and reads go on; free space ends it', async () => {
    const clock = new VirtualClock();
    const store = await opened(undefined, { clock });
    await store.commit({ epoch: 1, writes: [put('k', 1)] });
    store.setDiskFull(true);
    expect(await codeOf(store.commit({ epoch: 1, writes: [put('k', 2)] }))).toBe('disk-full');
    await clock.advanceAsync(5_000);
    expect(store.health()).toMatchObject({ writable: false, code: 'disk-full' });
    expect(await store.get('k')).toBe(1);
    store.setDiskFull(false);
    await clock.advanceAsync(500);
    await store.commit({ epoch: 1, writes: [put('k', 3)] });
    expect(await store.get('k')).toBe(3);
  });

  it('a flush that hangs makes the store not writable, its late end makes it writable again', async () => {
    const clock = new VirtualClock();
    const store = await opened(undefined, { clock });
    store.holdFlushes();
    const slow = store.commit({ epoch: 1, writes: [put('k', 1)] });
    await clock.advanceAsync(29_999);
    expect(store.health().writable).toBe(true);
    await clock.advanceAsync(2_000);
    expect(store.health()).toMatchObject({ writable: false, code: 'flush-failed' });
    expect(await codeOf(store.commit({ epoch: 1, writes: [put('l', 1)] }))).toBe('flush-failed');
    store.releaseFlushes();
    await slow;
    expect(store.health().writable).toBe(true);
    expect(await store.get('k')).toBe(1);
  });

  it('a crash loses what was not flushed and answers nobody', async () => {
    const store = await opened();
    await store.commit({ epoch: 2, writes: [put('kept', 1)] });
    store.holdFlushes();
    let answers = 0;
    for (const key of ['a', 'b']) {
      store.commit({ epoch: 2, writes: [put(key, 1)] }).finally(() => answers++);
      await turn();
    }
    const disk = store.crash('lost');
    store.releaseFlushes();
    await turn();
    expect(answers).toBe(0);
    const next = await opened(disk);
    expect(await allOf(next)).toEqual([{ key: 'kept', value: 1 }]);
    expect(await codeOf(next.commit({ epoch: 1, writes: [put('x', 1)] }))).toBe('stale-epoch');
  });

  it('a crash just after the flush keeps the group under way, whole, and nothing behind it', async () => {
    const store = await opened();
    store.holdFlushes();
    void store.commit({ epoch: 1, writes: [put('a', 1), put('b', 1)] });
    await turn();
    void store.commit({ epoch: 1, writes: [put('c', 1)] });
    await turn();
    const next = await opened(store.crash('kept'));
    expect((await allOf(next)).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('refuses more than it may keep waiting, and goes on', async () => {
    const store = await opened();
    store.holdFlushes();
    const big = 'x'.repeat(8 * 1024 * 1024);
    const accepted = [];
    let code = '';
    for (let n = 0; n < 12 && code === ''; n++) {
      const done = store.commit({ epoch: 1, writes: [put(`k${n}`, big)] });
      accepted.push(
        done.catch((error: { message: string }) => {
          code = error.message;
        }),
      );
      await turn();
    }
    expect(code).toMatch(/bytes of writes wait for the disk/);
    store.releaseFlushes();
    await Promise.all(accepted);
    await store.commit({ epoch: 1, writes: [put('after', 1)] });
    expect(await store.get('after')).toBe(1);
  });
});
