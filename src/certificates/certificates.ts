import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { AcmeState } from './acme/acme-state.js';
import type { CertificateInfo } from './certificate.js';
import type { CertificateBook } from './certificate-book.js';

export interface CertificatesOptions {
  readonly book: CertificateBook;
  /** Which apps name a certificate or authority. */
  readonly usedBy: (name: string) => readonly AppId[];
  /** What ACME is doing; undefined: nothing, it is not set up. */
  readonly acme: () => AcmeState | undefined;
}

/** Certificates as the API has them. */
export class Certificates {
  constructor(private readonly options: CertificatesOptions) {}

  list(): readonly CertificateInfo[] {
    return this.options.book.list();
  }

  /** Errors: certificate-not-found. */
  get(name: string): CertificateInfo {
    const info = this.options.book.get(name);
    if (!info) throw new CatalogError('certificate-not-found', { name });
    return info;
  }

  find(name: string): CertificateInfo | undefined {
    return this.options.book.get(name);
  }

  usedBy(name: string): readonly AppId[] {
    return this.options.usedBy(name);
  }

  acme(): AcmeState | undefined {
    return this.options.acme();
  }

  /** Errors: those of CertificateBook.put. */
  set(
    name: string,
    input: { readonly certificate: string; readonly privateKey?: string },
    by: string,
  ): Promise<{ readonly info: CertificateInfo; readonly created: boolean }> {
    return this.options.book.put({ name, ...input, source: 'api', by });
  }

  /** Errors: certificate-not-found, certificate-in-use. */
  async remove(name: string): Promise<void> {
    const removed = await this.options.book.remove(name, () => {
      const apps = this.usedBy(name);
      if (apps.length > 0) throw new CatalogError('certificate-in-use', { name, apps: apps.join(', ') });
    });
    if (!removed) throw new CatalogError('certificate-not-found', { name });
  }
}
