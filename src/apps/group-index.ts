import type { AppId } from './app.js';
import type { GroupRecord } from './group.js';
import { ancestorPaths, parentPath } from './path.js';

/** What lies directly in a group, and what is wanted of it. The sorted lists are made when asked for. */
interface GroupNode {
  readonly apps: Set<AppId>;
  readonly groups: Set<string>;
  record: GroupRecord | undefined;
  sortedApps: readonly AppId[] | undefined;
  sortedGroups: readonly string[] | undefined;
}

/**
 * The tree of groups, kept incrementally. A group exists while it has a record, or anything lies in it; the root always
 * does.
 */
export class GroupIndex {
  readonly #groups = new Map<string, GroupNode>([['/', emptyNode()]]);

  /** How many groups there are, the root included. */
  get size(): number {
    return this.#groups.size;
  }

  add(appId: AppId): void {
    const node = this.#make(parentPath(appId));
    if (node.apps.has(appId)) return;
    node.apps.add(appId);
    node.sortedApps = undefined;
  }

  remove(appId: AppId): void {
    const parent = parentPath(appId);
    const node = this.#groups.get(parent);
    if (!node) return;
    node.apps.delete(appId);
    node.sortedApps = undefined;
    this.#drop(parent, node);
  }

  /** Gives a group its record; the group and those around it come into being. */
  put(record: GroupRecord): void {
    this.#make(record.id).record = record;
  }

  /** Takes a group's record away; the group stays while anything lies in it. */
  clear(groupId: string): void {
    const node = this.#groups.get(groupId);
    if (!node) return;
    node.record = undefined;
    this.#drop(groupId, node);
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** Undefined also for a group that only the apps in it make. */
  record(groupId: string): GroupRecord | undefined {
    return this.#groups.get(groupId)?.record;
  }

  /** Whether neither apps nor groups lie in it. */
  isEmpty(groupId: string): boolean {
    const node = this.#groups.get(groupId);
    return !node || (node.apps.size === 0 && node.groups.size === 0);
  }

  /** Apps and groups directly in `path`. */
  *childrenOf(path: string): Iterable<string> {
    const node = this.#groups.get(path);
    if (!node) return;
    yield* node.apps;
    yield* node.groups;
  }

  /** Apps directly in the group, in alphabetical order. */
  appsOf(groupId: string): readonly AppId[] {
    const node = this.#groups.get(groupId);
    if (!node) return [];
    node.sortedApps ??= [...node.apps].sort();
    return node.sortedApps;
  }

  /** Groups directly in the group, in alphabetical order. */
  groupsOf(groupId: string): readonly string[] {
    const node = this.#groups.get(groupId);
    if (!node) return [];
    node.sortedGroups ??= [...node.groups].sort();
    return node.sortedGroups;
  }

  /** The group, if it exists, and every group below it: each before those in it, those in alphabetical order. */
  *groupsFrom(groupId: string): Iterable<string> {
    if (!this.#groups.has(groupId)) return;
    const open = [groupId];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      yield path;
      open.push(...[...this.groupsOf(path)].reverse());
    }
  }

  /** Every app below the group, however deep. */
  *appsUnder(groupId: string): Iterable<AppId> {
    for (const path of this.groupsFrom(groupId)) yield* this.appsOf(path);
  }

  #make(groupId: string): GroupNode {
    const known = this.#groups.get(groupId);
    if (known) return known;
    const made = emptyNode();
    this.#groups.set(groupId, made);
    let child = groupId;
    for (const path of [...ancestorPaths(groupId), '/']) {
      const parent = this.#groups.get(path);
      const node = parent ?? emptyNode();
      node.groups.add(child);
      node.sortedGroups = undefined;
      if (parent) break;
      this.#groups.set(path, node);
      child = path;
    }
    return made;
  }

  /** Groups with nothing in them and no record of their own are no more, from this one outward. */
  #drop(groupId: string, start: GroupNode): void {
    let path = groupId;
    let node: GroupNode | undefined = start;
    while (node && path !== '/' && !node.record && node.apps.size === 0 && node.groups.size === 0) {
      this.#groups.delete(path);
      const parent = parentPath(path);
      node = this.#groups.get(parent);
      node?.groups.delete(path);
      if (node) node.sortedGroups = undefined;
      path = parent;
    }
  }
}

function emptyNode(): GroupNode {
  return {
    apps: new Set(),
    groups: new Set(),
    record: undefined,
    sortedApps: undefined,
    sortedGroups: undefined,
  };
}
