import type { Log } from '../logging/log.js';
import { keys, type StateStore, StoreError } from '../store/state-store.js';

/** The framework id under which the tasks run. */
export interface FrameworkRecord {
  readonly id: string;
}

/**
 * The stored framework id, or its copy when the record itself is corrupt: with a new id all that runs would be taken for
 * lost and started a second time. Undefined when there never was one. Rejects with StoreError when neither can be read.
 */
export async function loadFramework(store: StateStore, log: Log): Promise<FrameworkRecord | undefined> {
  try {
    return (await store.get(keys.framework())) as FrameworkRecord | undefined;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupt-record') throw error;
    const copy = (await store.get(keys.frameworkCopy())) as FrameworkRecord | undefined;
    if (copy === undefined) throw error;
    log.error('the framework id cannot be read; its copy takes its place', { error });
    return copy;
  }
}
