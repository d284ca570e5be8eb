import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../logging/log.js';
import type { ProxyMemory } from '../proxy/control.js';

/**
 * Which proxies hold a lease, in a small file of the work dir. It need not be durable: an id too many costs a restarted
 * server one lease of waiting, and a lost file makes it wait for everybody.
 */
export class FileProxyMemory implements ProxyMemory {
  readonly #file: string;

  constructor(
    runDir: string,
    private readonly log: Log,
  ) {
    this.#file = join(runDir, 'leased-proxies.json');
  }

  load(): readonly string[] {
    try {
      const ids: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn('the list of leased proxies is lost', { error: String(error) });
      return [];
    }
  }

  save(proxyIds: readonly string[]): void {
    try {
      const draft = `${this.#file}.draft`;
      writeFileSync(draft, JSON.stringify(proxyIds), { mode: 0o600 });
      renameSync(draft, this.#file);
    } catch (error) {
      this.log.warn('the list of leased proxies cannot be written', { error: String(error) });
    }
  }
}
