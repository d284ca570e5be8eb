import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/logging/log.js';
import { classifyFailure } from '../../src/store/decide/classify-failure.js';
import { LmdbStore } from '../../src/store/lmdb-store.js';
import type { StoreHealth } from '../../src/store/state-store.js';
import { allOf, codeOf, put } from './state-store-contract.js';

/** Mounting a small file system needs root and a kernel that lets us. */
function mountSmall(dir: string): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting a tmpfs needs root';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', dir], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `a tmpfs cannot be mounted here: ${String(error)}`;
  }
}

const mountPoint = mkdtempSync(join(tmpdir(), 'longrun-small-disk-'));
const reason = mountSmall(mountPoint);
const title = reason ? `a full disk (left out: ${reason})` : 'a full disk';

(reason ? describe.skip : describe)(title, () => {
  const filler = join(mountPoint, 'filler');

  function fillUp(): void {
    let size = 0;
    for (let chunk = 256 * 1024; chunk >= 512; chunk /= 2) {
      for (;;) {
        try {
          writeFileSync(filler, Buffer.alloc(chunk, 1), { flag: 'a' });
          size += chunk;
        } catch {
          break;
        }
      }
    }
    expect(size).toBeGreaterThan(0);
  }

  afterAll(() => {
    execFileSync('umount', ['-l', mountPoint]);
    rmSync(mountPoint, { recursive: true, force: true });
  });
  afterEach(() => rmSync(filler, { force: true }));

  it('refuses writes with disk-full, applies nothing of them, reads on, and recovers by itself when space is freed', async () => {
    const store = new LmdbStore({ dir: join(mountPoint, 'store'), log: silentLog });
    // lmdb prints failed commits itself, some of them after the test has ended.
    console.error = () => undefined;
    try {
      await store.open();
      const told: StoreHealth[] = [];
      store.onHealth((health) => told.push(health));
      await store.commit({ epoch: 1, writes: [put('before', 1)] });
      fillUp();
      const big = put('big', 'x'.repeat(100_000));
      expect(await codeOf(store.commit({ epoch: 1, writes: [put('small', 1), big, put('last', 1)] }))).toBe(
        'disk-full',
      );
      expect(await codeOf(store.commit({ epoch: 1, writes: [put('small', 1)] }))).toBe('disk-full');
      expect(store.health()).toMatchObject({ writable: false, code: 'disk-full' });
      // Longer than several probes: it must not believe itself writable meanwhile.
      const probed = performance.now();
      while (performance.now() - probed < 1_300) await new Promise<void>((next) => setImmediate(next));
      expect(told).toHaveLength(1);
      expect(await allOf(store)).toEqual([{ key: 'before', value: 1 }]);

      rmSync(filler);
      await new Promise<void>((recovered) => store.onHealth((health) => health.writable && recovered()));
      await store.commit({ epoch: 1, writes: [put('after', 'free again'), big] });
      expect((await allOf(store)).map(({ key }) => key)).toEqual(['after', 'before', 'big']);
    } finally {
      await store.close();
    }
    const again = new LmdbStore({ dir: join(mountPoint, 'store'), log: silentLog });
    await again.open();
    expect((await allOf(again)).map(({ key }) => key)).toEqual(['after', 'before', 'big']);
    await again.close();
  }, 20_000);

  it('does not hinder opening and reading a store that exists, and refuses a new one with disk-full', async () => {
    const dir = join(mountPoint, 'existing');
    const store = new LmdbStore({ dir, log: silentLog, guarded: true });
    await store.open();
    await store.commit({ epoch: 1, writes: [put('k', 1)] });
    await store.close();
    fillUp();
    const again = new LmdbStore({ dir, log: silentLog, guarded: true });
    await again.open();
    expect(await again.get('k')).toBe(1);
    await again.close();
    const fresh = new LmdbStore({ dir: join(mountPoint, 'fresh'), log: silentLog, guarded: true });
    expect(await codeOf(fresh.open())).toBe('disk-full');
  });
});

describe('the cause of a failed write', () => {
  it('is told by the error itself, else by the trial write, else it is a failed flush', () => {
    expect(classifyFailure({ code: 28 })).toBe('disk-full');
    expect(classifyFailure({ code: -30792 })).toBe('disk-full');
    expect(classifyFailure({ code: 30 })).toBe('read-only');
    expect(classifyFailure({ code: 24 })).toBe('out-of-descriptors');
    expect(classifyFailure({ code: 5, trialCode: 'ENOSPC' })).toBe('disk-full');
    expect(classifyFailure({ code: 5, trialCode: 'EMFILE' })).toBe('out-of-descriptors');
    expect(classifyFailure({ code: 5, trialCode: 'EROFS' })).toBe('read-only');
    expect(classifyFailure({ code: 5 })).toBe('flush-failed');
    expect(classifyFailure({ code: undefined })).toBe('flush-failed');
  });
});
