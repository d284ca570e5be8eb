import { randomBytes } from 'node:crypto';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import { NONCE_BYTES, type Sealed, seal, unseal } from '../secrets/decide/seal.js';
import type { KeyFile } from '../secrets/key-file.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import type { ServedAuthority, ServedCertificate } from './bundle.js';
import {
  type CertificateInfo,
  type CertificateRecord,
  certificateName,
  MAX_CERTIFICATES,
} from './certificate.js';
import {
  type CertificateFacts,
  checkPair,
  MAX_PEM_BYTES,
  readAuthorities,
  readChain,
  splitPem,
} from './decide/read-certificate.js';

export interface CertificateBookOptions {
  readonly store: Pick<StateStore, 'scan' | 'get' | 'commit'>;
  readonly epoch: number;
  /** The keys of secrets, which these are sealed with as well. */
  readonly keyFile: KeyFile;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PutCertificate {
  readonly name: string;
  readonly certificate: string;
  /** Absent: certificate authorities. */
  readonly privateKey?: string;
  readonly source: CertificateRecord['source'];
  readonly by: string;
}

/** The account at an ACME certificate authority. */
export interface AcmeAccount {
  readonly directory: string;
  readonly url: string;
  /** PEM. */
  readonly key: string;
}

interface Held {
  readonly record: CertificateRecord;
  readonly facts: CertificateFacts;
}

interface StoredAccount {
  readonly format: 1;
  readonly directory: string;
  readonly url: string;
  readonly key: Sealed;
}

const ACCOUNT = { path: 'acme-account', version: 1 } as const;
/** Certificates that are sealed anew in one batch of a change of the key. */
const RESEAL_AT_ONCE = 50;

/**
 * The certificates of the load balancers.
 *
 * INVARIANTS
 * - A private key is in the store only sealed, and in no answer of the API; load balancers get it over their own line.
 * - A certificate is there once it is durable, and no longer once its removal is. Changes are made one after the other.
 * - What is stored can be served: certificate and key fit together.
 */
export class CertificateBook {
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<() => void>();
  #account: StoredAccount | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: CertificateBookOptions) {}

  /** Reads what is stored; no key is needed for that. */
  async start(): Promise<void> {
    const { store, log } = this.options;
    const onCorrupt = ({ key, problem }: { key: string; problem: string }): void =>
      log.error('a certificate cannot be read; set it anew', { key, problem });
    for await (const { key, value } of store.scan(keys.certificate(''), { onCorrupt })) {
      try {
        this.#keep(value as CertificateRecord);
      } catch (error) {
        onCorrupt({ key, problem: (error as Error).message });
      }
    }
    this.#account = (await store.get(keys.acmeAccount())) as StoredAccount | undefined;
  }

  /** Told after each change. Returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** By name. */
  list(): readonly CertificateInfo[] {
    return [...this.#held.values()].map(infoOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): CertificateInfo | undefined {
    const held = this.#held.get(name);
    return held && infoOf(held);
  }

  /** With their keys. One whose key cannot be opened is left out and told of. */
  served(): {
    readonly certificates: readonly ServedCertificate[];
    readonly authorities: readonly ServedAuthority[];
  } {
    const certificates: ServedCertificate[] = [];
    const authorities: ServedAuthority[] = [];
    for (const { record } of this.#held.values()) {
      const { name, certificate, privateKey } = record;
      if (!privateKey) {
        authorities.push({ name, certificates: certificate });
        continue;
      }
      try {
        certificates.push({ name, certificate, privateKey: this.#opened(privateKey, purposeOf(record)) });
      } catch (error) {
        this.options.log.error('a certificate cannot be served; set it anew', {
          name,
          error: (error as Error).message,
        });
      }
    }
    return { certificates, authorities };
  }

  /** Durable when it resolves. Errors: invalid-argument, certificate-invalid, too-many-certificates, StoreError. */
  put(wanted: PutCertificate): Promise<{ readonly info: CertificateInfo; readonly created: boolean }> {
    return this.#serially(async () => {
      const { name, source, by } = wanted;
      if (!certificateName.test(name))
        throw new CatalogError('invalid-argument', {
          reason: 'the name of a certificate is of lower case letters, digits and inner `.`, `_` and `-`',
          hint: 'For example shop-example-com.',
        });
      const { certificate, privateKey } = usable(wanted);
      const before = this.#held.get(name)?.record;
      if (!before && this.#held.size >= MAX_CERTIFICATES)
        throw new CatalogError('too-many-certificates', { max: MAX_CERTIFICATES });
      const version = (before?.version ?? 0) + 1;
      const record: CertificateRecord = {
        format: 1,
        name,
        version,
        certificate,
        ...(privateKey !== undefined && {
          privateKey: this.#sealed(privateKey, purposeOf({ name, version })),
        }),
        source,
        changedAt: timestamp(this.options.clock.wallMs()),
        changedBy: by,
      };
      await this.#commit([{ op: 'put', key: keys.certificate(name), value: record }]);
      const held = this.#keep(record);
      this.#changed();
      return { info: infoOf(held), created: before === undefined };
    });
  }

  /** False when there is none. `refuse` throws when it must stay; it is asked at the last moment. */
  remove(name: string, refuse: () => void = () => undefined): Promise<boolean> {
    return this.#serially(async () => {
      if (!this.#held.has(name)) return false;
      refuse();
      await this.#commit([{ op: 'delete', key: keys.certificate(name) }]);
      this.#held.delete(name);
      this.#changed();
      return true;
    });
  }

  /** The account at this certificate authority; undefined when there is none. Throws when its key cannot be opened. */
  account(directory: string): AcmeAccount | undefined {
    const stored = this.#account;
    if (stored?.directory !== directory) return undefined;
    return { directory, url: stored.url, key: this.#opened(stored.key, ACCOUNT) };
  }

  /** Durable when it resolves; one account is kept. */
  keepAccount({ directory, url, key }: AcmeAccount): Promise<void> {
    return this.#serially(async () => {
      const stored: StoredAccount = { format: 1, directory, url, key: this.#sealed(key, ACCOUNT) };
      await this.#commit([{ op: 'put', key: keys.acmeAccount(), value: stored }]);
      this.#account = stored;
    });
  }

  /** Seals with the current key whatever a former one holds, before those are forgotten. */
  async reseal(): Promise<void> {
    const { keyFile } = this.options;
    const isOld = (sealed: Sealed | undefined): sealed is Sealed =>
      sealed !== undefined &&
      sealed.keyId !== keyFile.current?.id &&
      keyFile.find(sealed.keyId) !== undefined;
    const records = [...this.#held.values()].flatMap(({ record }) =>
      isOld(record.privateKey)
        ? [{ ...record, privateKey: this.#anew(record.privateKey, purposeOf(record)) }]
        : [],
    );
    for (let first = 0; first < records.length; first += RESEAL_AT_ONCE) {
      const some = records.slice(first, first + RESEAL_AT_ONCE);
      await this.#commit(
        some.map((record) => ({ op: 'put', key: keys.certificate(record.name), value: record })),
      );
      for (const record of some) this.#keep(record);
    }
    if (!this.#account || !isOld(this.#account.key)) return;
    const account = { ...this.#account, key: this.#anew(this.#account.key, ACCOUNT) };
    await this.#commit([{ op: 'put', key: keys.acmeAccount(), value: account }]);
    this.#account = account;
  }

  #anew(sealed: Sealed, purpose: { path: string; version: number }): Sealed {
    return this.#sealed(this.#opened(sealed, purpose), purpose);
  }

  #sealed(value: string, purpose: { path: string; version: number }): Sealed {
    const { keyFile, clock } = this.options;
    const key = keyFile.current ?? keyFile.add(clock.wallMs());
    return seal(Buffer.from(value, 'utf8'), purpose, key, randomBytes(NONCE_BYTES));
  }

  #opened(sealed: Sealed, purpose: { path: string; version: number }): string {
    const key = this.options.keyFile.find(sealed.keyId);
    if (!key) throw new Error('the key that it is encrypted with is not in the key file');
    return unseal(sealed, purpose, key).toString('utf8');
  }

  #keep(record: CertificateRecord): Held {
    const held = { record, facts: readChain(record.certificate) };
    this.#held.set(record.name, held);
    return held;
  }

  #changed(): void {
    for (const tell of this.#listeners) tell();
  }

  #commit(writes: readonly StoreWrite[]): Promise<void> {
    const { store, epoch } = this.options;
    return store.commit({ epoch, writes });
  }

  #serially<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

/** Names of certificates have no slash, paths of secrets begin with one: neither can be opened as the other. */
const purposeOf = ({
  name,
  version,
}: Pick<CertificateRecord, 'name' | 'version'>): { path: string; version: number } => ({
  path: `certificate ${name}`,
  version,
});

/** Both in order, and each in its own text; a key may also stand beside the certificate. Throws certificate-invalid. */
function usable({ certificate, privateKey }: Pick<PutCertificate, 'certificate' | 'privateKey'>): {
  certificate: string;
  privateKey?: string;
} {
  try {
    if (certificate.length + (privateKey?.length ?? 0) > MAX_PEM_BYTES)
      throw new Error(`it is larger than ${MAX_PEM_BYTES} bytes`);
    const parts = splitPem(`${certificate}\n${privateKey ?? ''}`);
    if (parts.privateKey === '') {
      if (privateKey !== undefined) throw new Error('the private key cannot be read');
      readAuthorities(parts.certificates);
      return { certificate: parts.certificates };
    }
    checkPair(parts.certificates, parts.privateKey);
    if (readChain(parts.certificates).names.length === 0) throw new Error('it is good for no host name');
    return { certificate: parts.certificates, privateKey: parts.privateKey };
  } catch (error) {
    throw new CatalogError('certificate-invalid', { reason: (error as Error).message });
  }
}

function infoOf({ record, facts }: Held): CertificateInfo {
  const { name, privateKey, source, version, changedAt, changedBy } = record;
  const kind = privateKey ? 'certificate' : 'authority';
  return { name, kind, source, version, changedAt, changedBy, ...facts };
}
