import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { TlsPair } from '../api/create-api.js';
import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';

/** How often the files are looked at: links that are swapped (as certificate tools do) give no other sign. */
const LOOK_MS = 5_000;

export interface TlsFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told the certificate in use: at the start and after every change. */
  readonly onChange?: (cert: string) => void;
}

/**
 * The API's certificate and key. What changes on disk is used for new connections within seconds, once both files fit
 * together; until then, and when they never do, the old pair stays in use and the log says why.
 */
export class TlsFiles {
  #pair: TlsPair;
  /** What was looked at last, so that a bad pair is complained about once. */
  #looked: TlsPair;
  #timer: Timer | undefined;

  /** Throws an Error with a sentence when the files cannot be read or do not fit together. */
  constructor(private readonly options: TlsFilesOptions) {
    this.#pair = this.#read();
    this.#looked = this.#pair;
    try {
      check(this.#pair);
    } catch (error) {
      const { certFile, keyFile } = options;
      throw new Error(
        `${certFile} and ${keyFile} are no certificate and its key (${messageOf(error)}); see --tls-cert and --tls-key`,
      );
    }
  }

  get pair(): TlsPair {
    return this.#pair;
  }

  /** Keeps the server's certificate as the files are. */
  start(server: Server): void {
    if (!(server instanceof TlsServer)) throw new Error('only an https server has a certificate');
    this.options.onChange?.(this.#pair.cert);
    this.#timer = this.options.clock.every(LOOK_MS, () => this.#look(server));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(server: TlsServer): void {
    const { log, certFile, onChange } = this.options;
    let found: TlsPair;
    try {
      found = this.#read();
    } catch (error) {
      this.#complain({ cert: '', key: '' }, messageOf(error));
      return;
    }
    if (same(found, this.#pair)) {
      this.#looked = found;
      return;
    }
    try {
      check(found);
      server.setSecureContext({ ...found, minVersion: 'TLSv1.2' });
    } catch (error) {
      this.#complain(found, messageOf(error));
      return;
    }
    this.#pair = found;
    this.#looked = found;
    const { validTo, subject } = new X509Certificate(found.cert);
    log.info('the certificate of the API was read anew', { file: certFile, subject, validTo });
    onChange?.(found.cert);
  }

  #complain(found: TlsPair, why: string): void {
    if (same(found, this.#looked)) return;
    this.#looked = found;
    const { certFile, keyFile, log } = this.options;
    log.error('the new certificate or key cannot be used; the old one stays', { certFile, keyFile, why });
  }

  #read(): TlsPair {
    const { certFile, keyFile } = this.options;
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  }
}

/** Throws when they are no PEM or the key is another certificate's. */
function check(pair: TlsPair): void {
  createSecureContext(pair);
}

function same(one: TlsPair, other: TlsPair): boolean {
  return one.cert === other.cert && one.key === other.key;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
