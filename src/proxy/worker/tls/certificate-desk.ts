import { join } from 'node:path';
import type { CertificateBundle } from '../../../certificates/bundle.js';
import type { Log } from '../../../logging/log.js';
import type { Clock } from '../../../util/clock.js';
import type { TlsSettings } from '../../listeners/worker-messages.js';
import { CertificateCache } from './certificate-cache.js';
import { CertificateFiles } from './certificate-files.js';
import { CertificateShelf } from './certificate-shelf.js';

/** Where this worker's certificates come from: the server, its cache, and files on this host. */
export class CertificateDesk {
  readonly shelf: CertificateShelf;
  readonly #cache: CertificateCache;
  readonly #files: CertificateFiles | undefined;

  constructor(
    workDir: string,
    settings: TlsSettings | undefined,
    clock: Clock,
    log: Log,
    /** One worker keeps the cache for all of them. */
    private readonly keepsCache: boolean,
    onAvailable: (any: boolean) => void,
  ) {
    this.shelf = new CertificateShelf(log, () => clock.wallMs(), onAvailable);
    if (settings) this.shelf.setTicketKeys(Buffer.from(settings.ticketKeys, 'base64'));
    this.#cache = new CertificateCache(join(workDir, 'proxy', 'certificates.json'), log);
    this.#files =
      settings?.folder === undefined
        ? undefined
        : new CertificateFiles(settings.folder, clock, log, (found) => this.shelf.replaceFiles(found));
  }

  /** Resolves when what lies on this host has been read. */
  async start(): Promise<void> {
    const bundle = this.#cache.load();
    if (bundle) this.shelf.replace(bundle);
    await this.#files?.start();
  }

  stop(): void {
    this.#files?.stop();
  }

  /** From the server. */
  apply(bundle: CertificateBundle): void {
    if (this.shelf.replace(bundle) && this.keepsCache) void this.#cache.save(bundle);
  }
}
