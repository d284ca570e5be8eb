import type { AppId } from '../apps/app.js';

/** Which deployment holds which app. An app has one holder at most. */
export class LockTable {
  readonly #holders = new Map<AppId, string>();

  holderOf(appId: AppId): string | undefined {
    return this.#holders.get(appId);
  }

  lock(apps: Iterable<AppId>, deploymentId: string): void {
    for (const app of apps) this.#holders.set(app, deploymentId);
  }

  /** Leaves alone what another deployment has taken over. */
  release(apps: Iterable<AppId>, deploymentId: string): void {
    for (const app of apps) if (this.#holders.get(app) === deploymentId) this.#holders.delete(app);
  }
}
