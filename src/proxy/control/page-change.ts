import type { AgentId } from '../../scheduler/instance.js';
import { isSameServers, type ServersPatch, serversPatch } from '../decide/servers-patch.js';
import type { Service, TableDelta } from '../table.js';

/** A service in the book. */
export interface Entry {
  readonly service: Service;
  /** All that is said of it but its servers, for comparing: building is cheap, sending and applying are not. */
  readonly words: string;
  readonly notBound?: string;
}

/** What the book holds of one app. */
export interface AppPage {
  readonly entries: ReadonlyMap<string, Entry>;
  /** By `<taskId> <port>`: which agent's port it is. */
  readonly ports: ReadonlyMap<string, LeftPort>;
}

/** A host port that left the table. */
export interface LeftPort {
  readonly agentId: AgentId;
  readonly port: number;
}

export function wordsOf(service: Service): string {
  return JSON.stringify({ ...service, servers: [] });
}

/** What is different between some pages as they were and as they are. */
export class PageChange {
  readonly left: LeftPort[] = [];
  readonly #changed: Record<string, Service | null> = {};
  readonly #patches: Record<string, ServersPatch> = {};
  any = false;

  add(before: AppPage | undefined, after: AppPage | undefined): void {
    for (const [key, entry] of after?.entries ?? []) this.#compare(key, before?.entries.get(key), entry);
    for (const key of before?.entries.keys() ?? []) {
      if (after?.entries.has(key)) continue;
      this.#changed[key] = null;
      this.any = true;
    }
    for (const [name, port] of before?.ports ?? []) if (!after?.ports.has(name)) this.left.push(port);
  }

  /** Every service that changed, as it is now. */
  whole(versions: Pick<TableDelta, 'epoch' | 'from' | 'to'>): TableDelta {
    return { ...versions, services: this.#changed };
  }

  /** With patches where they are shorter. Undefined: they are nowhere. */
  patched(versions: Pick<TableDelta, 'epoch' | 'from' | 'to'>): TableDelta | undefined {
    const patches = this.#patches;
    if (Object.keys(patches).length === 0) return undefined;
    const services = Object.entries(this.#changed).filter(([key]) => !(key in patches));
    return { ...versions, services: Object.fromEntries(services), patches };
  }

  #compare(key: string, before: Entry | undefined, after: Entry): void {
    const sameWords = before?.words === after.words;
    if (before && sameWords && isSameServers(before.service.servers, after.service.servers)) return;
    this.any = true;
    this.#changed[key] = after.service;
    const patch = before && sameWords && serversPatch(before.service.servers, after.service.servers);
    if (patch) this.#patches[key] = patch;
  }
}
