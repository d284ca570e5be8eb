import { mergedPools } from '../decide/merge-pools.js';
import type { LiveService } from './live-service.js';

/** Services of one deployment group that claim the same serve as one: this keeps their pools together. */
export class MergedPools {
  readonly #groups = new Map<string, Set<LiveService>>();
  readonly #of = new Map<LiveService, string>();

  /** The service is new, or may have changed. */
  put(live: LiveService): void {
    const group = live.service.deploymentGroup;
    const before = this.#of.get(live);
    if (group === undefined && before === undefined) return;
    if (before !== group) this.remove(live);
    if (group === undefined) return;
    this.#of.set(live, group);
    const members = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, members.add(live));
    settle(members);
  }

  /** The service is gone, or in this group no more. */
  remove(live: LiveService): void {
    const group = this.#of.get(live);
    if (group === undefined) return;
    this.#of.delete(live);
    const members = this.#groups.get(group);
    members?.delete(live);
    if (members && members.size > 0) settle(members);
    else this.#groups.delete(group);
    const [heir] = members ?? [];
    // Those who waited with the pool that it lent are the others' now.
    if (heir) live.ownPool.moveQueueTo(heir.pool);
    settle(new Set([live]));
  }
}

/** The first of each pool, in the order of keys, lends it to the others. */
function settle(services: ReadonlySet<LiveService>): void {
  const sorted = [...services].sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const members of mergedPools(sorted)) {
    members[0]?.ownPool.update(members);
    for (const live of members) live.serveWith(members);
  }
}
