import type { AppId } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';

/** Which apps lie under which group path, kept as apps come and go: a dependency may name a group. */
export class GroupIndex {
  readonly #members = new Map<string, Set<AppId>>();

  /** Reads the registry once and follows it; the result stops following. */
  follow(registry: AppRegistry): () => void {
    for (const { app } of registry.all()) this.#add(app.id);
    return registry.onChange((changes) => {
      for (const { appId, before, after } of changes) {
        if (!before && after) this.#add(appId);
        else if (before && !after) this.#remove(appId);
      }
    });
  }

  appsUnder(group: string): Iterable<AppId> {
    return this.#members.get(group) ?? [];
  }

  #add(appId: AppId): void {
    for (const group of groupsOf(appId)) {
      const members = this.#members.get(group);
      if (members) members.add(appId);
      else this.#members.set(group, new Set([appId]));
    }
  }

  #remove(appId: AppId): void {
    for (const group of groupsOf(appId)) {
      const members = this.#members.get(group);
      members?.delete(appId);
      if (members?.size === 0) this.#members.delete(group);
    }
  }
}

/** The groups an app lies in, nearest first: `/a/b/c` lies in `/a/b`, `/a` and `/`. */
export function groupsOf(appId: AppId): string[] {
  const groups: string[] = [];
  for (let end = appId.lastIndexOf('/'); end > 0; end = appId.lastIndexOf('/', end - 1)) {
    groups.push(appId.slice(0, end));
  }
  groups.push('/');
  return groups;
}
