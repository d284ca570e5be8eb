import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { CatalogError } from '../errors/registry.js';
import { type PasswordHash, passwordMatches } from '../util/password-hash.js';

/** Checks of unknown passwords at once; each costs 32 MiB and a twentieth of a second of a processor. */
const MAX_CHECKS = 4;
/** Wrong ones that are remembered, so that a client that repeats itself costs nothing. */
const MAX_REMEMBERED = 256;

/**
 * Checks the one user of `--http-credentials`. The slow hash is computed once per different attempt; what was accepted (and
 * what was refused lately) is known again by a keyed hash, under a key of this process, compared in constant time.
 */
export class PasswordGate {
  readonly #key = randomBytes(32);
  #accepted: Buffer | undefined;
  readonly #refused = new Set<string>();
  #checks = 0;

  constructor(private readonly wanted: PasswordHash) {}

  get user(): string {
    return this.wanted.user;
  }

  /** Throws `too-busy` when too many unknown passwords are being checked. */
  async accepts(user: string, password: string): Promise<boolean> {
    const mark = this.#mark(user, password);
    if (this.#accepted !== undefined && timingSafeEqual(this.#accepted, mark)) return true;
    const name = mark.toString('base64');
    if (this.#refused.has(name)) return false;
    if (this.#checks >= MAX_CHECKS) throw new CatalogError('too-busy');
    this.#checks++;
    let right: boolean;
    try {
      // The password is checked for a wrong user too: the time it takes tells no names.
      right = (await passwordMatches(this.wanted, password)) && this.#isUser(user);
    } finally {
      this.#checks--;
    }
    if (right) this.#accepted = mark;
    else this.#remember(name);
    return right;
  }

  #isUser(user: string): boolean {
    return timingSafeEqual(this.#mark(user, ''), this.#mark(this.wanted.user, ''));
  }

  #mark(user: string, password: string): Buffer {
    return createHmac('sha256', this.#key).update(`${user}:${password}`).digest();
  }

  #remember(name: string): void {
    if (this.#refused.size >= MAX_REMEMBERED) {
      const [oldest] = this.#refused;
      if (oldest !== undefined) this.#refused.delete(oldest);
    }
    this.#refused.add(name);
  }
}
