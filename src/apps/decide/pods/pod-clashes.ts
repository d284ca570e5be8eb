import type { ErrorDetail } from '../../../errors/registry.js';
import { ancestorPaths } from '../../path.js';
import { type Finding, findingsByPath } from '../rules/rule.js';

/** What already lies in the tree. */
export interface TakenPaths {
  readonly isApp: (path: string) => boolean;
  readonly isGroup: (path: string) => boolean;
}

/** Why a pod cannot live at a path (Marathon reference 1.8): an app or a group is there, or an app around it. */
export function podClashes(id: string, taken: TakenPaths): readonly ErrorDetail[] {
  return findingsByPath(clashes(id, taken));
}

function* clashes(id: string, { isApp, isGroup }: TakenPaths): Iterable<Finding> {
  if (isApp(id)) {
    yield ['/id', 'Applications and Pods may not share the same id', 'app-clash', `${id} is an app.`];
  }
  if (isGroup(id)) {
    const hint = `${id} is a group that is in use.`;
    yield ['/id', 'Groups and Pods may not have the same identifier.', 'group-clash', hint];
  }
  const around = [...ancestorPaths(id)].find(isApp);
  if (around !== undefined) {
    const hint = `${around} is an app, so nothing can lie below it.`;
    yield ['/id', 'Groups and Applications may not have the same identifier.', 'group-clash', hint];
  }
}
