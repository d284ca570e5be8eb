import type { Log } from '../logging/log.js';
import { EPOCH_KEY } from './group-commit.js';
import { StoreError } from './state-store.js';

/** The highest epoch ever committed. One damaged record must not keep the whole store shut: the next batch writes it anew. */
export function readEpoch(read: (key: string) => unknown, log: Log): number {
  try {
    const epoch = read(EPOCH_KEY);
    return typeof epoch === 'number' ? epoch : 0;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupt-record') throw error;
    log.error('the highest epoch cannot be read; it is written anew', { error });
    return 0;
  }
}
