import type { Clock, Timer } from '../util/clock.js';
import type { CertificateBundle, CertificatesMessage } from './bundle.js';
import type { CertificateBook } from './certificate-book.js';

/** Changes that come together are sent together. */
const COALESCE_MS = 20;

export interface CertificateFeedOptions {
  readonly book: Pick<CertificateBook, 'served' | 'onChange'>;
  readonly epoch: number;
  readonly clock: Clock;
}

/** Tells load balancers the certificates: all of them when one comes, and again after each change. */
export class CertificateFeed {
  readonly #followers = new Set<(message: CertificatesMessage) => void>();
  readonly #challenges = new Map<string, string>();
  #bundle: CertificateBundle | undefined;
  #version = 0;
  #timer: Timer | undefined;
  #stopped = false;
  readonly #end: () => void;

  constructor(private readonly options: CertificateFeedOptions) {
    this.#end = options.book.onChange(() => this.#changed());
  }

  stop(): void {
    this.#stopped = true;
    this.#end();
    this.#timer?.cancel();
    this.#followers.clear();
  }

  /** Sends the bundle now and from now on. Returns how to stop. */
  follow(send: (message: CertificatesMessage) => void): () => void {
    this.#followers.add(send);
    send({ type: 'CERTIFICATES', bundle: this.bundle() });
    return () => this.#followers.delete(send);
  }

  /** Load balancers answer an ACME challenge from now on; returns how to end that. */
  challenge(token: string, answer: string): () => void {
    this.#challenges.set(token, answer);
    this.#changed();
    return () => {
      if (this.#challenges.delete(token)) this.#changed();
    };
  }

  bundle(): CertificateBundle {
    this.#bundle ??= {
      epoch: this.options.epoch,
      version: this.#version,
      ...this.options.book.served(),
      challenges: Object.fromEntries(this.#challenges),
    };
    return this.#bundle;
  }

  #changed(): void {
    this.#bundle = undefined;
    this.#version += 1;
    if (this.#stopped) return;
    this.#timer ??= this.options.clock.after(COALESCE_MS, () => {
      this.#timer = undefined;
      for (const send of this.#followers) send({ type: 'CERTIFICATES', bundle: this.bundle() });
    });
  }
}
