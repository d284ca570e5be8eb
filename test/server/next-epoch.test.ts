import { silentLog } from '../../src/logging/log.js';
import { nextEpoch } from '../../src/server/next-epoch.js';
import { MemoryDisk, MemoryStore } from '../../src/store/memory-store.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

async function start(disk: MemoryDisk, clock: VirtualClock): Promise<number> {
  const store = new MemoryStore({ clock, log: silentLog, disk });
  await store.open();
  const epoch = await nextEpoch(store, clock, silentLog);
  await store.close();
  return epoch;
}

describe('the epoch of a server start', () => {
  it('grows with every start, also within a second and when the clock goes back', async () => {
    const clock = new VirtualClock();
    const disk = new MemoryDisk();
    const epochs = [await start(disk, clock), await start(disk, clock)];
    clock.jumpWall(-3_600_000);
    epochs.push(await start(disk, clock));
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    expect(new Set(epochs).size).toBe(3);
  });

  it('is none that was given out before, also after an old backup was restored', async () => {
    const clock = new VirtualClock();
    const disk = new MemoryDisk();
    await start(disk, clock);
    const backup = new MemoryDisk();
    for (const [key, bytes] of disk.records) backup.records.set(key, bytes);
    const given = new Set<number>();
    for (let count = 0; count < 5; count++) {
      clock.advance(60_000);
      given.add(await start(disk, clock));
    }
    clock.advance(60_000);
    expect(given.has(await start(backup, clock))).toBe(false);
  });

  it('is given also when the last one is damaged', async () => {
    const clock = new VirtualClock();
    const disk = new MemoryDisk();
    const first = await start(disk, clock);
    for (const key of ['meta!epoch', '!epoch']) {
      const bytes = disk.records.get(key);
      if (!bytes) throw new Error(`there is no ${key}`);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    }
    clock.advance(5_000);
    expect(await start(disk, clock)).toBeGreaterThan(first);
  });
});
