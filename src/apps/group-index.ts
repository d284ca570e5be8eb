import type { AppId } from './app.js';
import { ancestorPaths } from './path.js';

/** What lies directly in a group. */
interface GroupNode {
  readonly apps: Set<AppId>;
  readonly groups: Set<string>;
}

/**
 * The tree of groups that the apps' paths imply, kept incrementally. A group exists while an app lies somewhere below
 * it; the root is not kept.
 */
export class GroupIndex {
  readonly #groups = new Map<string, GroupNode>();

  add(appId: AppId): void {
    let child: { readonly path: string; readonly isApp: boolean } = { path: appId, isApp: true };
    for (const path of ancestorPaths(appId)) {
      const known = this.#groups.get(path);
      const node = known ?? { apps: new Set<AppId>(), groups: new Set<string>() };
      if (child.isApp) node.apps.add(appId);
      else node.groups.add(child.path);
      if (known) return;
      this.#groups.set(path, node);
      child = { path, isApp: false };
    }
  }

  remove(appId: AppId): void {
    let emptied: string | undefined;
    for (const path of ancestorPaths(appId)) {
      const node = this.#groups.get(path);
      if (!node) return;
      if (emptied === undefined) node.apps.delete(appId);
      else node.groups.delete(emptied);
      if (node.apps.size > 0 || node.groups.size > 0) return;
      this.#groups.delete(path);
      emptied = path;
    }
  }

  /** Whether any app lies below `path`. */
  has(path: string): boolean {
    return this.#groups.has(path);
  }

  /** Apps and groups directly in `path`. */
  *childrenOf(path: string): Iterable<string> {
    const node = this.#groups.get(path);
    if (!node) return;
    yield* node.apps;
    yield* node.groups;
  }
}
