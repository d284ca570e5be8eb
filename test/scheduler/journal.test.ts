import { silentLog } from '../../src/logging/log.js';
import { EFFECTS_PER_TURN, Journal, journalLimits } from '../../src/scheduler/journal.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { FakeStore } from './support/fake-store.js';

function journal(limits = journalLimits): { journal: Journal; store: FakeStore; clock: VirtualClock } {
  const store = new FakeStore();
  const clock = new VirtualClock();
  const made = new Journal(store, 1, clock, silentLog, () => undefined, limits);
  made.start();
  return { journal: made, store, clock };
}

/** Everything that needs no timer. */
const settle = (): Promise<void> => new Promise((next) => setImmediate(next));

describe('the journal', () => {
  it('lets the effects of a large commit out a slice a turn, in order, and all of them', async () => {
    const { journal: it, clock } = journal({ ...journalLimits, maxBatch: 1_000 });
    const left: number[] = [];
    const count = 2 * EFFECTS_PER_TURN + 10;
    for (let number = 0; number < count; number++)
      it.record(`instance!${number}`, { number }, () => left.push(number));
    await settle();
    expect(left).toHaveLength(EFFECTS_PER_TURN);
    await clock.advanceAsync(0);
    await settle();
    expect(left).toEqual(Array.from({ length: count }, (_, number) => number));
    expect(it.heldEffects).toBe(0);
  });

  it('keeps the order of effects of one key while those of its commit are still leaving', async () => {
    const { journal: it, clock } = journal({ ...journalLimits, maxBatch: 1_000 });
    const left: string[] = [];
    for (let number = 0; number < EFFECTS_PER_TURN; number++)
      it.record(`instance!${number}`, {}, () => undefined);
    it.record('instance!last', { state: 1 }, () => left.push('first'));
    await settle();
    expect(left).toEqual([]);
    it.afterKey('instance!last', () => left.push('second'));
    const pin = await it.pin(['instance!last']);
    it.record('instance!last', { state: 2 }, () => left.push('third'));
    await pin.commit([{ op: 'put', key: 'instance!last', value: { state: 3 } }]);
    expect(left).toEqual(['first', 'second', 'third']);
    pin.release();
    await clock.advanceAsync(0);
    await settle();
    expect(left).toEqual(['first', 'second', 'third']);
    expect(it.heldEffects).toBe(0);
  });

  it('sends nothing any more once it stopped, in the middle of a slice too', async () => {
    const { journal: it, clock } = journal({ ...journalLimits, maxBatch: 1_000 });
    let left = 0;
    for (let number = 0; number < EFFECTS_PER_TURN + 50; number++)
      it.record(`instance!${number}`, {}, () => {
        left += 1;
      });
    await settle();
    const stopped = it.stop();
    await clock.advanceAsync(0);
    await stopped;
    expect(left).toBe(EFFECTS_PER_TURN);
  });

  it('frees a part of what a request holds: others wait for that part only', async () => {
    const { journal: it } = journal();
    const pin = await it.pin(['a', 'b']);
    const order: string[] = [];
    const second = it.pin(['a']).then((held) => {
      order.push('a');
      return held;
    });
    const third = it.pin(['b']).then((held) => {
      order.push('b');
      return held;
    });
    pin.release(['a']);
    await settle();
    expect(order).toEqual(['a']);
    // The key is another's by now: releasing all of the first one's takes nothing from it.
    pin.release();
    await settle();
    expect(order).toEqual(['a', 'b']);
    expect(it.isPinned('a')).toBe(true);
    (await second).release();
    (await third).release();
    expect(it.isPinned('a')).toBe(false);
  });
});
