import type { AppRegistry } from '../../src/apps/app-registry.js';
import { type AcceptedChange, ChangeQueue, type ChangeRequest } from '../../src/deployments/change-queue.js';
import { CatalogError } from '../../src/errors/registry.js';
import { silentLog } from '../../src/logging/log.js';
import type { StateStore } from '../../src/store/state-store.js';
import type { Timestamp } from '../../src/util/timestamp.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

/** Every look at it finds a millisecond gone; a pause lasts for one turn of the event loop. */
class BusyClock extends VirtualClock {
  pauses = 0;
  #spentMs = 0;

  override monotonicMs(): number {
    this.#spentMs += 1;
    return this.#spentMs;
  }

  override after(_delayMs: number, run: () => void): { cancel(): void } {
    this.pauses += 1;
    setImmediate(run);
    return { cancel: () => undefined };
  }
}

const noTree = { at: '2026-01-01T00:00:00.000Z' as Timestamp, groups: [] };

class Line {
  readonly told: string[] = [];
  /** What the registry was told, and with how many apps. */
  readonly pieces: [string, number][] = [];
  readonly clock = new BusyClock();
  readonly queue: ChangeQueue;
  storeFails = false;

  constructor() {
    const store: Pick<StateStore, 'commit'> = {
      commit: async ({ writes }) => {
        if (this.storeFails) throw new Error('no space');
        const keys = writes.map(({ key }) => key).filter((key) => !key.startsWith('meta!'));
        this.told.push(`commit ${keys.join(' ')}`);
      },
    };
    this.queue = new ChangeQueue({
      store: store as StateStore,
      epoch: 1,
      registry: {
        stage: (changes: readonly unknown[]) => void this.pieces.push(['stage', changes.length]),
        unstage: (changes: readonly unknown[]) => void this.pieces.push(['unstage', changes.length]),
        apply: (changes: readonly unknown[], tree: { readonly groups: readonly unknown[] }) => {
          this.pieces.push(['apply', changes.length]);
          this.told.push(`apply ${changes.length} apps ${tree.groups.length} groups`);
        },
      } as unknown as AppRegistry,
      clock: this.clock,
      log: silentLog,
      maxQueued: 10,
      committed: ({ accepted, changes }) => {
        if (changes.length > 0) this.told.push(`locked ${accepted.deploymentId}`);
        return () => void this.told.push(`committed ${accepted.deploymentId}`);
      },
      refused: () => undefined,
    });
  }

  /** A change of so many apps and one group. */
  large(apps: number): ChangeRequest {
    const request = this.request('large');
    const changes = Array.from({ length: apps }, (_, index) => ({ appId: `/${index}` })) as never;
    const tree = { ...noTree, groups: [{ groupId: '/g', before: undefined, after: undefined }] };
    return { check: (batch) => ({ ...(request.check(batch) as AcceptedChange), changes, tree }) };
  }

  /** A change that writes its own name; with `steps` it is prepared in so many. */
  request(name: string, steps?: number): ChangeRequest {
    const { told } = this;
    const change: AcceptedChange = {
      accepted: { deploymentId: name, version: noTree.at },
      changes: [],
      tree: noTree,
      writes: [{ op: 'put', key: name, value: 1 }],
      groupId: undefined,
      deployment: undefined,
      apps: [],
      cancels: [],
    };
    const check = (): AcceptedChange => {
      told.push(`check ${name}`);
      return change;
    };
    if (steps === undefined) return { check };
    return {
      check,
      ahead: function* () {
        told.push(`prepare ${name}`);
        for (let left = steps; left > 0; left--) yield;
        told.push(`prepared ${name}`);
      },
    };
  }
}

describe('a change that is prepared in steps', () => {
  it('lets others have their turn between them, and nothing is staged or committed meanwhile', async () => {
    const line = new Line();
    const first = line.queue.submit(line.request('first', 100));
    const second = line.queue.submit(line.request('second'));
    await new Promise<void>((turn) => setImmediate(turn));
    expect(line.told).toEqual(['prepare first']);
    await Promise.all([first, second]);
    expect(line.clock.pauses).toBeGreaterThan(5);
    expect(line.told.slice(0, 4)).toEqual(['prepare first', 'prepared first', 'check first', 'check second']);
  });

  it('opens a batch of its own: those before it are durable and in the registry when it begins', async () => {
    const line = new Line();
    await Promise.all([
      line.queue.submit(line.request('before')),
      line.queue.submit(line.request('long', 30)),
    ]);
    expect(line.told).toEqual([
      'check before',
      'commit before',
      'committed before',
      'prepare long',
      'prepared long',
      'check long',
      'commit long',
      'committed long',
    ]);
  });

  it('is refused with what its preparation throws, and the next one goes on', async () => {
    const line = new Line();
    const refusal = new CatalogError('app-not-found', { id: '/gone' });
    const failing = line.queue.submit({
      ahead: function* () {
        yield;
        throw refusal;
      },
      check: () => {
        throw new Error('never asked');
      },
    });
    const next = line.queue.submit(line.request('next'));
    await expect(failing).rejects.toBe(refusal);
    expect(await next).toMatchObject({ deploymentId: 'next' });
  });

  it('is left alone half-way when the line stops', async () => {
    const line = new Line();
    const long = line.queue.submit(line.request('long', 1_000));
    await new Promise<void>((turn) => setImmediate(turn));
    line.queue.stop();
    await expect(long).rejects.toMatchObject({ code: 'starting' });
    await new Promise<void>((turn) => setImmediate(() => setImmediate(turn)));
    expect(line.told).toEqual(['prepare long']);
  });
});

describe('a change of many apps', () => {
  const APPS = 1_000;
  const sum = (line: Line, what: string): number =>
    line.pieces.filter(([name]) => name === what).reduce((total, [, apps]) => total + apps, 0);

  it('is taken by the registry in pieces, its apps locked before the first and its plan begun after the last', async () => {
    const line = new Line();
    await line.queue.submit(line.large(APPS));
    expect([sum(line, 'stage'), sum(line, 'apply')]).toEqual([APPS, APPS]);
    expect(line.pieces.every(([, apps]) => apps <= 64)).toBe(true);
    expect(line.clock.pauses).toBeGreaterThan(1);
    const [first, second, locked, ...rest] = line.told;
    expect([first, second, locked]).toEqual(['check large', 'commit large', 'locked large']);
    expect(rest.at(-1)).toBe('committed large');
    expect(rest.at(-2)).toBe(`apply ${APPS % 64} apps 1 groups`);
    expect(rest.slice(0, -2).every((each) => each === 'apply 64 apps 0 groups')).toBe(true);
  });

  it('that the store refuses is taken back piece by piece, the last one first', async () => {
    const line = new Line();
    line.storeFails = true;
    await expect(line.queue.submit(line.large(APPS))).rejects.toThrow('no space');
    expect(sum(line, 'unstage')).toBe(APPS);
    expect(line.pieces.find(([name]) => name === 'unstage')).toEqual(['unstage', APPS % 64]);
    expect(line.told.some((each) => each.startsWith('apply'))).toBe(false);
  });
});

describe('a look', () => {
  it('waits for its turn in the line, changes nothing, and answers what it found', async () => {
    const line = new Line();
    const before = line.queue.submit(line.request('before'));
    const seen = line.queue.look(function* () {
      line.told.push('look');
      yield;
      return 42;
    });
    const after = line.queue.submit(line.request('after'));
    expect(await seen).toBe(42);
    await Promise.all([before, after]);
    expect(line.told).toEqual([
      'check before',
      'commit before',
      'committed before',
      'look',
      'check after',
      'commit after',
      'committed after',
    ]);
  });

  it('rejects with what it throws, and nobody behind it minds', async () => {
    const line = new Line();
    const looking = line.queue.look(function* () {
      yield;
      throw new CatalogError('app-not-found', { id: '/gone' });
    });
    const next = line.queue.submit(line.request('next'));
    await expect(looking).rejects.toMatchObject({ code: 'app-not-found' });
    expect(await next).toMatchObject({ deploymentId: 'next' });
  });
});
