import { finish } from '../../util/steps.js';
import type { AppId } from '../app.js';
import type { AppsView } from '../apps-view.js';
import type { GroupAfter } from '../group.js';
import type { AppAfter } from './prepare-changes.js';
import { checkStructure } from './structure.js';

/**
 * Whether records that were right once may be put back into what is wanted now: meanwhile a group may have taken the place
 * of an app that was deleted, or another app have come to depend on one of them. Throws CatalogError `invalid-object`.
 */
export function checkPutBack(
  changes: readonly AppAfter[],
  groups: readonly GroupAfter[],
  view: AppsView,
): void {
  const removed = new Set<AppId>();
  const records = changes.flatMap(({ appId, after }) => {
    if (after) return [{ at: '', before: view.get(appId), after }];
    removed.add(appId);
    return [];
  });
  const placed = groups.map((group) => ({ at: '', ...group }));
  finish(checkStructure({ records, removed, groups: placed }, view));
}
