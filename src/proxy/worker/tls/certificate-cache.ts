import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import type { CertificateBundle } from '../../../certificates/bundle.js';
import type { Log } from '../../../logging/log.js';

/** The last certificates on disk (mode 0600): a worker that starts without a server speaks TLS with them. */
export class CertificateCache {
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly log: Log,
  ) {}

  /** Undefined when there are none, or none that can be read. */
  load(): CertificateBundle | undefined {
    try {
      const { format, bundle } = JSON.parse(readFileSync(this.file, 'utf8')) as {
        format?: unknown;
        bundle?: CertificateBundle;
      };
      if (format === 1 && bundle && Array.isArray(bundle.certificates) && Array.isArray(bundle.authorities))
        return bundle;
      this.log.warn('the cached certificates are damaged; waiting for the server', { file: this.file });
    } catch (error) {
      // The parser's words might quote a key.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn('the cached certificates cannot be read; waiting for the server', { file: this.file });
    }
    return undefined;
  }

  /** Writes them, one after the other. Never rejects: without a cache the worker still serves. */
  save(bundle: CertificateBundle): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#write(bundle))
      .catch((error: unknown) => {
        this.log.warn('the certificates cannot be cached on disk', { file: this.file, error: String(error) });
      });
    return this.#writing;
  }

  async #write(bundle: CertificateBundle): Promise<void> {
    const draft = `${this.file}.${process.pid}`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify({ format: 1, bundle }));
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.file);
  }
}
