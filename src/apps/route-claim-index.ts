import type { AppId, AppRecord } from './app.js';
import { type Claimant, type RouteClaim, routeClaims, type Sharing } from './decide/routing/route-claims.js';

/**
 * Which apps claim which hosts, paths and service ports, kept incrementally: a change of one app costs what it claims.
 *
 * INVARIANT: an app is among the claimants of a key exactly while the record added last claims it.
 */
export class RouteClaimIndex {
  readonly #claimants = new Map<string, Map<AppId, Sharing>>();

  add(record: AppRecord): void {
    for (const { key, sharing } of routeClaims(record)) {
      const claimants = this.#claimants.get(key) ?? new Map<AppId, Sharing>();
      claimants.set(record.app.id, sharing);
      this.#claimants.set(key, claimants);
    }
  }

  remove(record: AppRecord): void {
    for (const { key } of routeClaims(record)) {
      const claimants = this.#claimants.get(key);
      claimants?.delete(record.app.id);
      if (claimants?.size === 0) this.#claimants.delete(key);
    }
  }

  /** Apps that claim the same thing, whether or not they may share it. */
  *claimants({ key }: Pick<RouteClaim, 'key'>): Iterable<Claimant> {
    for (const [appId, sharing] of this.#claimants.get(key) ?? []) yield { appId, sharing };
  }
}
