import { join } from 'node:path';
import { type CertificateBundle, emptyBundle, type ServedCertificate } from '../../certificates/bundle.js';
import { checkPair, readChain, splitPem } from '../../certificates/decide/read-certificate.js';
import type { Log } from '../../logging/log.js';
import type { Clock } from '../../util/clock.js';
import { CertificateCache } from '../worker/tls/certificate-cache.js';
import { CertificateFiles } from '../worker/tls/certificate-files.js';
import type { KnownCertificate, TlsFacts } from './decide/certificates.js';

export interface CertificateStoreOptions {
  readonly workDir: string;
  /** Folder of certificates on this host; absent: none. */
  readonly folder?: string;
  /** There is something else to speak TLS with. */
  changed(): void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What HAProxy speaks TLS with: the server's certificates, as last told, and those of files on this host, which come first. */
export class CertificateStore {
  readonly #cache: CertificateCache;
  readonly #folder: CertificateFiles | undefined;
  #bundle: CertificateBundle = emptyBundle;
  #files: readonly ServedCertificate[] = [];
  readonly #refused = new Map<string, string>();
  #facts: TlsFacts;

  constructor(private readonly options: CertificateStoreOptions) {
    const { workDir, folder, clock, log } = options;
    this.#cache = new CertificateCache(join(workDir, 'proxy', 'certificates.json'), log);
    this.#folder =
      folder === undefined
        ? undefined
        : new CertificateFiles(folder, clock, log, (found) => {
            this.#files = found;
            this.#sort();
          });
    this.#facts = this.#known();
  }

  /** The same object until something changes. */
  get facts(): TlsFacts {
    return this.#facts;
  }

  /** Resolves when what lies on this host has been read. */
  async start(): Promise<void> {
    const bundle = this.#cache.load();
    if (bundle) {
      this.#bundle = bundle;
      this.#sort();
    }
    await this.#folder?.start();
  }

  stop(): void {
    this.#folder?.stop();
  }

  /** From the server. */
  apply(bundle: CertificateBundle): void {
    const { epoch, version } = this.#bundle;
    if (bundle.epoch === epoch && bundle.version === version) return;
    this.#bundle = bundle;
    void this.#cache.save(bundle);
    this.#sort();
  }

  /** HAProxy does not take the file with this text: it is left out until it says something else. False: it is left out already. */
  leaveOut(file: string, text: string): boolean {
    if (this.#refused.get(file) === text) return false;
    this.#refused.set(file, text);
    this.options.log.error('a certificate is not used: HAProxy does not take it', { file });
    this.#sort();
    return true;
  }

  #sort(): void {
    this.#facts = this.#known();
    this.options.changed();
  }

  #known(): TlsFacts {
    const all = new Map<string, KnownCertificate>();
    for (const { name, certificate, privateKey } of [...this.#bundle.certificates, ...this.#files]) {
      try {
        checkPair(certificate, privateKey);
        const { names, notBeforeMs, notAfterMs } = readChain(certificate);
        all.set(name, { name, pem: pemOf(certificate, privateKey), names, notBeforeMs, notAfterMs });
      } catch (error) {
        this.options.log.error('a certificate cannot be used', { name, error: (error as Error).message });
      }
    }
    return {
      certificates: [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
      authorities: this.#bundle.authorities,
      challenges: this.#bundle.challenges,
      refused: new Map(this.#refused),
      nowMs: this.options.clock.wallMs(),
    };
  }
}

/** Nothing but the blocks, as HAProxy's `crt` takes them; an empty line would end the command that tells them. */
function pemOf(certificate: string, privateKey: string): string {
  const text = splitPem(certificate).certificates + splitPem(privateKey).privateKey;
  return text.replace(/\r/g, '').replace(/\n{2,}/g, '\n');
}
