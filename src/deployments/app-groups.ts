import type { AppId } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';
import { GroupIndex } from '../apps/group-index.js';

/** Which apps lie under which group path, kept as apps come and go: a dependency may name a group. */
export class AppGroups {
  readonly #index = new GroupIndex();

  /** Reads the registry once and follows it; the result stops following. */
  follow(registry: AppRegistry): () => void {
    for (const { app } of registry.all()) this.#index.add(app.id);
    return registry.onChange((changes) => {
      for (const { appId, before, after } of changes) {
        if (!before && after) this.#index.add(appId);
        else if (before && !after) this.#index.remove(appId);
      }
    });
  }

  /** Every app below `group`, however deep. */
  *appsUnder(group: string): Iterable<AppId> {
    const open = [group];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      for (const child of this.#index.childrenOf(path)) {
        if (this.#index.has(child)) open.push(child);
        else yield child as AppId;
      }
    }
  }
}
