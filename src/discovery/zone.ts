import type { AppId } from '../apps/app.js';
import { appRecords, type NameRecord, type RecordSettings } from './decide/app-records.js';
import type { AppEndpoints } from './endpoint.js';

/** The owner of what is there without any app: the masters' names. */
const SYSTEM = '';

interface Node {
  /** By owner. */
  readonly own: Map<string, NameRecord[]>;
  readonly alias: Map<string, NameRecord[]>;
  /** Names below it that say something: such a name is there though it says nothing itself (RFC 8020). */
  below: number;
}

/**
 * All names below the domain, kept app by app: a change of one app costs what that app has, whatever the others have.
 *
 * INVARIANT: a name answers with the records of all apps that own it, and only without any with those of second names.
 */
export class Zone {
  readonly #nodes = new Map<string, Node>();
  readonly #byApp = new Map<
    string,
    { readonly own: readonly NameRecord[]; readonly alias: readonly NameRecord[] }
  >();
  /** Grows with every change (the serial of the SOA record). */
  #serial = 1;

  constructor(
    readonly settings: RecordSettings,
    system: readonly NameRecord[] = [],
  ) {
    this.setSystem(system);
  }

  get serial(): number {
    return this.#serial;
  }

  get domain(): string {
    return this.settings.domain;
  }

  /** Names of the pool itself, e.g. `leader.mesos`. */
  setSystem(records: readonly NameRecord[]): void {
    this.#replace(SYSTEM, { own: records, alias: [] });
  }

  /** What is usable of an app from now on; without any endpoint the app is forgotten. */
  setApp(app: AppEndpoints): void {
    this.#replace(app.appId, appRecords(app, this.settings));
  }

  removeApp(appId: AppId): void {
    this.#replace(appId, { own: [], alias: [] });
  }

  #replace(owner: string, records: { own: readonly NameRecord[]; alias: readonly NameRecord[] }): void {
    const before = this.#byApp.get(owner);
    if (JSON.stringify(before ?? { own: [], alias: [] }) === JSON.stringify(records)) return;
    for (const kind of ['own', 'alias'] as const) {
      for (const record of before?.[kind] ?? []) this.#take(kind, owner, record.name);
      for (const record of records[kind]) this.#put(kind, owner, record);
    }
    if (records.own.length + records.alias.length > 0) this.#byApp.set(owner, records);
    else this.#byApp.delete(owner);
    // RFC 1982: a serial is 32 bits and wraps.
    this.#serial = (this.#serial + 1) % 0x1_0000_0000;
  }

  #put(kind: 'own' | 'alias', owner: string, record: NameRecord): void {
    const node = this.#node(record.name);
    const known = node[kind].get(owner);
    if (known) {
      known.push(record);
      return;
    }
    node[kind].set(owner, [record]);
    for (const above of ancestors(record.name)) this.#node(above).below += 1;
  }

  #take(kind: 'own' | 'alias', owner: string, name: string): void {
    const node = this.#nodes.get(name);
    if (!node?.[kind].delete(owner)) return;
    this.#dropIfEmpty(name, node);
    for (const above of ancestors(name)) {
      const higher = this.#nodes.get(above);
      if (!higher) continue;
      higher.below -= 1;
      this.#dropIfEmpty(above, higher);
    }
  }

  #node(name: string): Node {
    let node = this.#nodes.get(name);
    if (!node) {
      node = { own: new Map(), alias: new Map(), below: 0 };
      this.#nodes.set(name, node);
    }
    return node;
  }

  #dropIfEmpty(name: string, node: Node): void {
    if (node.own.size === 0 && node.alias.size === 0 && node.below === 0) this.#nodes.delete(name);
  }

  /** What a name (lower case, no last dot) says; undefined when there is no such name. */
  lookup(name: string): readonly NameRecord[] | undefined {
    if (name === this.domain) return [];
    const node = this.#nodes.get(name);
    if (!node) return undefined;
    return [...(node.own.size > 0 ? node.own : node.alias).values()].flat();
  }

  /** Every record, for listings. */
  *records(): Iterable<NameRecord> {
    for (const node of this.#nodes.values())
      for (const records of (node.own.size > 0 ? node.own : node.alias).values()) yield* records;
  }

  /** Apps with names, and theirs. */
  *apps(): Iterable<{ readonly appId: AppId; readonly records: readonly NameRecord[] }> {
    for (const [owner, { own }] of this.#byApp)
      if (owner !== SYSTEM) yield { appId: owner as AppId, records: own };
  }
}

/** `b.c` and `c` of `a.b.c`. */
function* ancestors(name: string): Iterable<string> {
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) yield name.slice(dot + 1);
}
