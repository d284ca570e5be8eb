import { type CorruptRecord, type StateStore, StoreError } from './state-store.js';

/**
 * The value under `key`; undefined when there is none, or when it does not match its checksum, which `onCorrupt` is told:
 * for what the caller can do without. Any other failure rejects with StoreError.
 */
export async function getUnlessCorrupt(
  store: Pick<StateStore, 'get'>,
  key: string,
  onCorrupt: (record: CorruptRecord) => void,
): Promise<unknown> {
  try {
    return await store.get(key);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupt-record') throw error;
    onCorrupt({ key, problem: error.message });
    return undefined;
  }
}
