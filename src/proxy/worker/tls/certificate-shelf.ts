import {
  type CertificateBundle,
  emptyBundle,
  type ServedAuthority,
  type ServedCertificate,
} from '../../../certificates/bundle.js';
import {
  type CertificateFacts,
  coversHost,
  readChain,
} from '../../../certificates/decide/read-certificate.js';
import type { Log } from '../../../logging/log.js';
import { TlsEndpoint } from './tls-endpoint.js';

/** What TLS is spoken with on one connection. */
export interface TlsTerms {
  readonly endpoint: TlsEndpoint;
  /** Names of authorities: the client must show a certificate of one of them. */
  readonly authorities?: readonly string[];
}

/** What a port asks for. */
export interface TlsWish {
  /** Only these certificates; absent: all. */
  readonly certificates?: readonly string[];
  readonly authorities?: readonly string[];
  /** What may be spoken within TLS (ALPN). */
  readonly protocols?: readonly string[];
}

interface Shelved extends ServedCertificate {
  readonly facts: CertificateFacts;
}

/** Name of a certificate that is shown to clients that ask for no name, or for one that nobody has. */
export const DEFAULT_CERTIFICATE = 'default';

/**
 * The certificates of this worker: those of the server and those of files, found by the names they are good for.
 *
 * INVARIANTS
 * - A name that some certificate covers is never shown another one; of several the one that is named outright, then the one that lasts longest.
 * - Connections that are there keep what they were made with; a change counts for new ones.
 * - A certificate that cannot be used is left out and told of; the others serve.
 */
export class CertificateShelf {
  #bundle: CertificateBundle = emptyBundle;
  #files: readonly ServedCertificate[] = [];
  #all: readonly Shelved[] = [];
  readonly #byName = new Map<string, Shelved>();
  #endpoints = new Map<string, TlsEndpoint>();
  #ticketKeys: Buffer | undefined;

  constructor(
    private readonly log: Log,
    private readonly nowMs: () => number,
    /** Told when there is a first certificate, or no longer any. */
    private readonly onAvailable: (any: boolean) => void = () => undefined,
  ) {}

  get bundle(): CertificateBundle {
    return this.#bundle;
  }

  get any(): boolean {
    return this.#all.length > 0;
  }

  /** The answer to an ACME challenge. */
  challenge(token: string): string | undefined {
    return Object.hasOwn(this.#bundle.challenges, token) ? this.#bundle.challenges[token] : undefined;
  }

  /** What the server says now. False: it is what is here already. */
  replace(bundle: CertificateBundle): boolean {
    const { epoch, version } = this.#bundle;
    if (bundle.epoch === epoch && bundle.version === version) return false;
    this.#bundle = bundle;
    this.#sort();
    return true;
  }

  /** What files say. */
  replaceFiles(files: readonly ServedCertificate[]): void {
    this.#files = files;
    this.#sort();
  }

  /** With what tickets are sealed by which clients resume: the same in all workers of a host. 48 bytes. */
  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys = keys;
    this.#endpoints = new Map();
  }

  /** What to speak with a client that asks for `serverName` (lower case, empty: none); undefined: nothing fits. */
  terms(serverName: string, wish: TlsWish = {}): TlsTerms | undefined {
    const certificate = this.#find(serverName, wish.certificates);
    if (!certificate) return undefined;
    const { authorities = [], protocols = [] } = wish;
    const trusted = this.#bundle.authorities.filter(({ name }) => authorities.includes(name));
    // Whoever is to be known by an authority that nobody knows is known by nobody.
    if (trusted.length < authorities.length) return undefined;
    const endpoint = this.#endpoint(certificate, trusted, protocols);
    if (!endpoint) return undefined;
    return authorities.length === 0 ? { endpoint } : { endpoint, authorities };
  }

  #find(serverName: string, only: readonly string[] | undefined): Shelved | undefined {
    if (only === undefined) return this.#byNames(serverName, this.#byName) ?? this.#fallback();
    const some = only.flatMap((name) => this.#all.filter((each) => each.name === name));
    return some.find(({ facts }) => coversHost(facts.names, serverName)) ?? some[0];
  }

  #byNames(serverName: string, names: ReadonlyMap<string, Shelved>): Shelved | undefined {
    const dot = serverName.indexOf('.');
    return names.get(serverName) ?? (dot > 0 ? names.get(`*${serverName.slice(dot)}`) : undefined);
  }

  #fallback(): Shelved | undefined {
    return this.#all.find(({ name }) => name === DEFAULT_CERTIFICATE) ?? this.#all[0];
  }

  #endpoint(
    of: Shelved,
    authorities: readonly ServedAuthority[],
    protocols: readonly string[],
  ): TlsEndpoint | undefined {
    const key = [of.name, ...protocols, '', ...authorities.map(({ name }) => name)].join('\n');
    const known = this.#endpoints.get(key);
    if (known) return known;
    try {
      const made = new TlsEndpoint({
        certificate: of.certificate,
        privateKey: of.privateKey,
        protocols,
        ...(authorities.length > 0 && {
          clientAuthorities: authorities.map(({ certificates }) => certificates),
        }),
        ...(this.#ticketKeys && { ticketKeys: this.#ticketKeys }),
      });
      this.#endpoints.set(key, made);
      return made;
    } catch (error) {
      this.log.error('a certificate cannot be used', { name: of.name, error: (error as Error).message });
      return undefined;
    }
  }

  #sort(): void {
    const before = this.any;
    const all = new Map<string, Shelved>();
    // A file beats a stored one of the same name: it is what stands on this very host.
    for (const certificate of [...this.#bundle.certificates, ...this.#files]) {
      try {
        all.set(certificate.name, { ...certificate, facts: readChain(certificate.certificate) });
      } catch (error) {
        this.log.error('a certificate cannot be used', {
          name: certificate.name,
          error: (error as Error).message,
        });
      }
    }
    this.#all = [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#byName.clear();
    const nowMs = this.nowMs();
    for (const certificate of this.#all)
      for (const name of certificate.facts.names)
        if (isBetter(certificate, this.#byName.get(name), nowMs)) this.#byName.set(name, certificate);
    this.#endpoints = new Map();
    if (this.any !== before) this.onAvailable(this.any);
  }
}

/** Of two for one name: the one that is valid now, then the one that lasts longer. */
function isBetter(one: Shelved, other: Shelved | undefined, nowMs: number): boolean {
  if (!other) return true;
  const valid = ({ facts }: Shelved): boolean => facts.notBeforeMs <= nowMs && nowMs < facts.notAfterMs;
  if (valid(one) !== valid(other)) return valid(one);
  return one.facts.notAfterMs > other.facts.notAfterMs;
}
