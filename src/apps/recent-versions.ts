import type { Timestamp } from '../util/timestamp.js';
import { MAX_VERSIONS } from './decide/app-history.js';
import { ancestorPaths } from './path.js';

/**
 * When anything in a group changed, per group: the newest MAX_VERSIONS moments, newest first.
 *
 * INVARIANT: from its oldest entry on, a group's list is complete: nothing in the group changed between two entries.
 */
export class RecentVersions {
  readonly #byGroup = new Map<string, Timestamp[]>();

  /** `exists`: whether there is such a group; others have no list. */
  constructor(private readonly exists: (group: string) => boolean) {}

  /** Something happened to the app or group `path` itself at `at`: in every group around it. */
  add(path: string, at: Timestamp): void {
    for (const group of ancestorPaths(path)) if (this.exists(group)) this.addTo(group, at);
    this.addTo('/', at);
  }

  /** Something happened in `group`, or to it. */
  addTo(group: string, at: Timestamp): void {
    const list = this.#byGroup.get(group);
    if (!list) {
      this.#byGroup.set(group, [at]);
      return;
    }
    const place = list.findIndex((known) => known <= at);
    if (place >= 0 ? list[place] === at : list.length >= MAX_VERSIONS) return;
    list.splice(place < 0 ? list.length : place, 0, at);
    if (list.length > MAX_VERSIONS) list.pop();
  }

  /** Newest first; empty when nothing is known. Changes with the next `add`: copy what is kept. */
  of(group: string): readonly Timestamp[] {
    return this.#byGroup.get(group) ?? [];
  }

  /** The group is gone. */
  forget(group: string): void {
    this.#byGroup.delete(group);
  }
}
