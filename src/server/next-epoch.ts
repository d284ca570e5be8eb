import type { Log } from '../logging/log.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { keys, type StateStore } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';

/**
 * Every start of a server is an epoch of its own: events, routing tables and store batches carry it. It is the wall clock's
 * second, or the stored one and one more where that is higher: so it grows whatever the clock does, and also after an
 * older backup was restored or the counter was lost, when the store alone would give an epoch out twice.
 *
 * Durable when it resolves; rejects with StoreError.
 */
export async function nextEpoch(store: StateStore, clock: Clock, log: Log): Promise<number> {
  const epoch = Math.max((await lastEpoch(store, log)) + 1, Math.floor(clock.wallMs() / 1_000));
  await store.commit({ epoch, writes: [{ op: 'put', key: keys.meta('epoch'), value: epoch }] });
  return epoch;
}

async function lastEpoch(store: StateStore, log: Log): Promise<number> {
  const last = await getUnlessCorrupt(store, keys.meta('epoch'), ({ problem }) =>
    log.error('the last epoch cannot be read; the clock gives the next one', { problem }),
  );
  return typeof last === 'number' && Number.isSafeInteger(last) ? last : 0;
}
