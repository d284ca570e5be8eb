import type { AppId, AppRecord } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';

/**
 * The apps in the order of their ids, for reading page by page. Built when it is first asked for, then kept: an app that
 * comes or goes costs one search and one move.
 */
export class AppOrder {
  #ids: AppId[] | undefined;
  readonly #unsubscribe: () => void;

  constructor(private readonly registry: Pick<AppRegistry, 'all' | 'get' | 'size' | 'onChange'>) {
    this.#unsubscribe = registry.onChange((changes) => {
      for (const { appId } of changes) this.#settle(appId);
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** The apps whose ids come after `after`, or from it on with `inclusive`; those deleted meanwhile are left out. */
  *from(after: string, inclusive = false): Generator<AppRecord> {
    let last = after;
    let index = this.#indexOf(after);
    if (!inclusive && this.#list()[index] === after) index += 1;
    for (;;) {
      const id = this.#list()[index];
      if (id === undefined) return;
      last = id;
      const record = this.registry.get(id);
      if (record) yield record;
      // The list may have moved while the reader was away.
      if (this.#list()[index] !== last) index = this.#indexOf(last);
      if (this.#list()[index] === last) index += 1;
    }
  }

  #settle(appId: AppId): void {
    if (!this.#ids) return;
    const index = placeOf(appId, this.#ids);
    const listed = this.#ids[index] === appId;
    const exists = this.registry.get(appId) !== undefined;
    if (exists && !listed) this.#ids.splice(index, 0, appId);
    else if (!exists && listed) this.#ids.splice(index, 1);
  }

  #list(): readonly AppId[] {
    this.#ids ??= [...this.registry.all()].map(({ app }) => app.id).sort(byText);
    return this.#ids;
  }

  #indexOf(id: string): number {
    return placeOf(id, this.#list());
  }
}

/** Where `id` is in the sorted list, or would be. */
function placeOf(id: string, list: readonly string[]): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** By code units, as comparisons of ids elsewhere. */
function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
