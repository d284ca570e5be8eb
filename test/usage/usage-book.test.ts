import type { AppId, AppRecord } from '../../src/apps/app.js';
import type { TaskUsage } from '../../src/embedded-mesos/protocol/agent-line.js';
import { silentLog } from '../../src/logging/log.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import { keys } from '../../src/store/state-store.js';
import { type Resolution, resolutions } from '../../src/usage/decide/resolution.js';
import { usageExposition } from '../../src/usage/exposition.js';
import { FRESH_MS, STORE_AFTER_MS, TICK_MS, UsageBook } from '../../src/usage/usage-book.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';

const web = '/shop/web' as AppId;
const [fine, minute, coarse] = resolutions as readonly [Resolution, Resolution, Resolution];
const MIB = 1024 * 1024;
const look = (more: Partial<TaskUsage> = {}): TaskUsage => ({
  taskId: 'web.1',
  seconds: 10,
  cpus: 0.5,
  throttled: 0,
  memoryBytes: 64 * MIB,
  ...more,
});

class World {
  readonly clock = new VirtualClock();
  readonly apps = new Map<AppId, AppRecord>();
  commits = 0;
  written = 0;
  refuse = false;
  readonly store: MemoryStore;
  book: UsageBook;

  constructor() {
    this.store = new MemoryStore({ clock: this.clock, log: silentLog });
    this.add(web);
    this.book = this.#make();
  }

  add(appId: AppId): void {
    this.apps.set(appId, { app: { id: appId, cpus: 1, mem: 128, instances: 2 } } as unknown as AppRecord);
  }

  #runs = 0;

  #make(): UsageBook {
    const run = ++this.#runs;
    return new UsageBook({
      store: {
        get: (key) => this.store.get(key),
        scan: (prefix, options) => this.store.scan(prefix, options),
        commit: async (batch) => {
          if (this.refuse || run !== this.#runs) throw new Error('disk full, or dead');
          this.commits++;
          this.written += batch.writes.length;
          await this.store.commit(batch);
        },
      },
      epoch: 1,
      apps: { get: (appId) => this.apps.get(appId) },
      isDeleted: (appId) => !this.apps.has(appId),
      appOf: (taskId) => (taskId.startsWith('web.') ? web : (`/${taskId.split('.')[0]}` as AppId)),
      clock: this.clock,
      log: silentLog,
    });
  }

  async start(): Promise<this> {
    await this.store.open();
    await this.book.load();
    this.book.start();
    return this;
  }

  /** As after a crash: what was not stored is lost. */
  async restart(): Promise<void> {
    this.book = this.#make();
    await this.book.load();
    this.book.start();
  }

  /** Lets time pass tick by tick, so that what each begins can end. */
  async pass(ms: number, each: () => void = () => undefined): Promise<void> {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.clock.advance(TICK_MS);
      each();
      for (let turns = 0; turns < 6; turns++) await new Promise((done) => setImmediate(done));
    }
  }

  points(resolution: Resolution = fine): ReturnType<UsageBook['points']> {
    const nowMs = this.clock.wallMs();
    return this.book.points(web, resolution, { fromMs: 0, toMs: nowMs });
  }

  async keys(): Promise<string[]> {
    const found: string[] = [];
    for (const prefix of [keys.usage(), 'usage-chunk!'])
      for await (const { key } of this.store.scan(prefix)) found.push(key);
    return found;
  }
}

const cpuSeconds = (points: Awaited<ReturnType<UsageBook['points']>>, { slotSeconds }: Resolution): number =>
  points.reduce((sum, { cpus }) => sum + cpus * slotSeconds, 0);

describe('what apps use', () => {
  it('shows at once what came, beside what was asked for, at every resolution the same amount', async () => {
    const world = await new World().start();
    await world.pass(300_000, () => world.book.take([look(), look({ taskId: 'web.2', cpus: 0.25 })]));
    for (const resolution of resolutions)
      expect(cpuSeconds(await world.points(resolution), resolution)).toBeCloseTo(30 * 7.5, 1);
    const middle = (await world.points())[5];
    expect(middle).toMatchObject({
      instances: 2,
      cpus: 0.75,
      memMiB: 128,
      peakCpus: 0.5,
      requestedMemMiB: 256,
    });
    expect(world.book.now(web).map(({ usage }) => usage.taskId)).toEqual(['web.1', 'web.2']);
    await world.pass(FRESH_MS + TICK_MS);
    expect(world.book.now(web)).toEqual([]);
    await world.book.stop();
  });

  it('is stored once a minute, and after a crash goes on from there with nothing counted twice', async () => {
    const world = await new World().start();
    await world.pass(STORE_AFTER_MS + 3 * TICK_MS, () => world.book.take([look()]));
    expect(world.commits).toBe(1);
    const stored = cpuSeconds(await world.points(), fine);
    await world.restart();
    const kept = cpuSeconds(await world.points(), fine);
    expect(kept).toBeGreaterThan(stored - 5 * 5.01);
    expect(kept).toBeLessThan(stored);
    world.book.take([look()]);
    expect(cpuSeconds(await world.points(), fine)).toBeCloseTo(kept + 5, 1);
    await world.pass(STORE_AFTER_MS + TICK_MS);
    expect(cpuSeconds(await world.points(), fine)).toBeCloseTo(kept + 5, 1);
    expect(cpuSeconds(await world.points(minute), minute)).toBeCloseTo(kept + 5, 1);
    await world.book.stop();
  });

  it('is stored by a clean stop to the last look', async () => {
    const world = await new World().start();
    world.book.take([look()]);
    await world.book.stop();
    await world.restart();
    expect(cpuSeconds(await world.points(coarse), coarse)).toBeCloseTo(5, 0);
    await world.book.stop();
  });

  it('is forgotten at each resolution when it is too old, also when nothing new comes', async () => {
    const world = await new World().start();
    world.book.take([look()]);
    await world.book.stop();
    const before = await world.keys();
    expect(before).toHaveLength(4);
    world.clock.advance(3 * 3_600_000);
    await world.restart();
    await world.pass(3 * STORE_AFTER_MS);
    expect(await world.points()).toEqual([]);
    expect(await world.points(coarse)).toHaveLength(1);
    expect((await world.keys()).some((key) => key.includes('!10s!'))).toBe(false);
    world.clock.advance(40 * 86_400_000);
    await world.pass(3 * STORE_AFTER_MS);
    expect(await world.keys()).toEqual([]);
    await world.book.stop();
  });

  it('never grows beyond its bound however long an app runs', async () => {
    const world = await new World().start();
    for (let quarter = 0; quarter < 34 * 96; quarter++) {
      world.clock.advance(900_000);
      world.book.take([look({ cpus: quarter % 7 })]);
      if (quarter % 40 === 0) await world.pass(STORE_AFTER_MS + TICK_MS);
    }
    await world.pass(2 * STORE_AFTER_MS);
    const found = await world.keys();
    expect(found.length).toBeLessThanOrEqual(1 + 8 + 26 + 32);
    expect((await world.points(coarse)).length).toBeLessThanOrEqual(2_976);
    await world.book.stop();
  });

  it('goes with its app, for good, and an app of the same name begins anew', async () => {
    const world = await new World().start();
    await world.pass(2 * STORE_AFTER_MS, () => world.book.take([look()]));
    expect((await world.keys()).length).toBeGreaterThan(0);
    world.apps.delete(web);
    world.book.forget(web);
    world.book.take([look()]);
    expect(await world.points()).toEqual([]);
    world.add(web);
    world.book.take([look({ cpus: 1 })]);
    expect(cpuSeconds(await world.points(), fine)).toBeCloseTo(10, 2);
    await world.pass(2 * STORE_AFTER_MS, () => world.book.take([look({ cpus: 0 })]));
    expect(cpuSeconds(await world.points(), fine)).toBeCloseTo(10, 2);
    world.apps.delete(web);
    world.book.forget(web);
    await world.pass(2 * TICK_MS);
    expect(await world.keys()).toEqual([]);
    await world.book.stop();
  });

  it('of an app that was deleted while nobody looked is removed at the next start', async () => {
    const world = await new World().start();
    world.book.take([look()]);
    await world.book.stop();
    world.apps.delete(web);
    await world.restart();
    await waitFor(
      async () => {
        await world.pass(TICK_MS);
        return (await world.keys()).length === 0;
      },
      { what: 'the removal' },
    );
    await world.book.stop();
  });

  it('waits for a store that does not take it, and loses nothing', async () => {
    const world = await new World().start();
    world.refuse = true;
    await world.pass(5 * STORE_AFTER_MS, () => world.book.take([look()]));
    expect(world.commits).toBe(0);
    world.refuse = false;
    await world.pass(2 * STORE_AFTER_MS);
    await world.restart();
    expect(cpuSeconds(await world.points(minute), minute)).toBeCloseTo(30 * 5, 0);
    await world.book.stop();
  });

  it('of ten thousand apps is written in turns, a bounded part of them at a time', async () => {
    const world = await new World().start();
    const ids = Array.from({ length: 2_000 }, (_, index) => `app${index}`);
    for (const id of ids) world.add(`/${id}` as AppId);
    const report = ids.map((id) => look({ taskId: `${id}.1` }));
    const perTick: number[] = [];
    for (let ticks = 0; ticks < 12; ticks++) {
      const before = world.written;
      world.book.take(report);
      await world.pass(TICK_MS);
      for (let turns = 0; turns < 200; turns++) await new Promise((done) => setImmediate(done));
      perTick.push(world.written - before);
    }
    expect(Math.max(...perTick)).toBeLessThanOrEqual(400 * 7);
    expect(perTick.filter((writes) => writes > 0).length).toBeGreaterThan(4);
    await world.book.stop();
  });

  it('takes no notice of strangers and of numbers that are none', async () => {
    const world = await new World().start();
    world.book.take([
      look({ taskId: 'nobody.1' }),
      look({ seconds: 0 }),
      look({ seconds: 1e9 }),
      look({ cpus: Number.NaN }),
      look({ memoryBytes: -1 }),
      look({ throttled: 2 }),
    ]);
    expect(await world.points()).toEqual([]);
    await world.book.stop();
  });

  it('is told to Prometheus app by app', async () => {
    const world = await new World().start();
    world.book.take([look(), look({ taskId: 'web.2', throttled: 0.5 })]);
    const text = await usageExposition(world.book, { get: (appId) => world.apps.get(appId) });
    expect(text).toContain('# TYPE longrun_app_cpus_used gauge\nlongrun_app_cpus_used{app="/shop/web"} 1\n');
    expect(text).toContain('longrun_app_throttled_ratio{app="/shop/web"} 0.25\n');
    expect(text).toContain(`longrun_app_memory_requested_bytes{app="/shop/web"} ${256 * MIB}\n`);
    await world.book.stop();
  });
});
