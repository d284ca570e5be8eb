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
  readonly clock = new BusyClock();
  readonly queue: ChangeQueue;

  constructor() {
    const store: Pick<StateStore, 'commit'> = {
      commit: async ({ writes }) => {
        const keys = writes.map(({ key }) => key).filter((key) => !key.startsWith('meta!'));
        this.told.push(`commit ${keys.join(' ')}`);
      },
    };
    this.queue = new ChangeQueue({
      store: store as StateStore,
      epoch: 1,
      registry: {
        stage: () => undefined,
        unstage: () => undefined,
        apply: () => undefined,
      } as unknown as AppRegistry,
      clock: this.clock,
      log: silentLog,
      maxQueued: 10,
      committed: ({ accepted }) => () => void this.told.push(`committed ${accepted.deploymentId}`),
      refused: () => undefined,
    });
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
