import type { AppId } from '../apps/app.js';
import type { Deadlines } from './deadlines.js';
import type { LaunchQueue } from './launch-queue.js';

/** Keeps launch delays and their ends: a delay that is over, or forgotten, lets launching go on at once. */
export class LaunchDelays {
  constructor(
    private readonly queue: LaunchQueue,
    private readonly deadlines: Deadlines,
    private readonly onLaunchable: () => void,
  ) {}

  happened(appId: AppId, what: 'failure' | 'progress' | 'forget'): void {
    if (what === 'failure') this.queue.failed(appId);
    else if (what === 'progress') this.queue.progressed(appId);
    else this.queue.resetBackoff(appId);
    this.#arm(appId);
  }

  /** True when there was a delay to forget. */
  reset(appId: AppId): boolean {
    const was = this.queue.resetBackoff(appId);
    this.#arm(appId);
    return was;
  }

  #arm(appId: AppId): void {
    const key = `backoff:${appId}`;
    const inMs = this.queue.backoffMs(appId);
    if (inMs !== undefined) {
      this.deadlines.set(key, inMs, () => {
        if (this.queue.backoffMs(appId) === undefined) this.onLaunchable();
        else this.#arm(appId);
      });
      return;
    }
    if (!this.deadlines.has(key)) return;
    this.deadlines.clear(key);
    this.onLaunchable();
  }
}
