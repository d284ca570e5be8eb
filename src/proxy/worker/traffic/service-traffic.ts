import type { ExchangeRecord } from '../exchange-record.js';
import { VersionTraffic } from './version-traffic.js';

/** Versions of an app that are told apart: the newest. */
export const MAX_VERSIONS = 5;
/** What stands for all that are not. */
export const OTHER_VERSIONS = 'other';

/** How the requests of one service went: by version, and by why they failed. Made with the first of them. */
export class ServiceTraffic {
  /** Newest last. Versions are instants in ISO notation: their order is that of their letters. */
  #versions: VersionTraffic[] = [];
  #other: VersionTraffic | undefined;
  /** Of the last request: most follow one of the same. */
  #last: VersionTraffic | undefined;
  /** By cause and phase, as in a log line; those in order are not counted. */
  readonly endings = new Map<string, number>();
  /** It waits to be told to the server of longrun. */
  waiting = false;

  version(name: string): VersionTraffic {
    if (this.#last?.version === name) return this.#last;
    const found = this.#versions.find(({ version }) => version === name) ?? this.#newVersion(name);
    this.#last = found;
    return found;
  }

  get versions(): readonly VersionTraffic[] {
    return this.#other === undefined ? this.#versions : [this.#other, ...this.#versions];
  }

  ended({ cause, phase }: ExchangeRecord): void {
    const ending = cause + phase;
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }

  #newVersion(name: string): VersionTraffic {
    const oldest = this.#versions[0];
    if (this.#versions.length < MAX_VERSIONS || oldest === undefined || name > oldest.version) {
      const made = new VersionTraffic(name);
      this.#versions.push(made);
      this.#versions.sort((a, b) => (a.version < b.version ? -1 : 1));
      if (this.#versions.length > MAX_VERSIONS) this.#fold();
      return made;
    }
    this.#other ??= new VersionTraffic(OTHER_VERSIONS);
    return this.#other;
  }

  #fold(): void {
    const oldest = this.#versions.shift();
    if (oldest === undefined) return;
    this.#other ??= new VersionTraffic(OTHER_VERSIONS);
    this.#other.absorb(oldest);
    this.#last = undefined;
  }
}
