import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BasicAuth } from '../../../../apps/port-routing.js';
import type { Log } from '../../../../logging/log.js';
import type { Clock } from '../../../../util/clock.js';
import { taken } from '../../../decide/rate-limit.js';
import { type Credentials, networkOf, PLAIN } from './basic-auth.js';

/** Compares a password with a hash in crypt's notation; costs tens of milliseconds of processor time, so not in this thread. */
export type PasswordVerifier = (password: string, hash: string) => Promise<boolean>;

/** `too-many`: of wrong passwords from that network. `busy`: more wait to be checked than may. */
export type Admission = 'admitted' | 'refused' | 'too-many' | 'busy';

/** Pairs of user and password that are remembered as right, and as wrong. */
const MAX_REMEMBERED = 1_000;
/** Passwords that wait for their turn; one is checked at a time. */
const MAX_WAITING = 64;
/** Wrong passwords from one network: so many per second, and so many at once. */
const FAILURES = { perSecond: 10, burst: 10 };
const MAX_NETWORKS = 10_000;

/**
 * Says whether user and password are right, at little cost: what was checked once is remembered by a keyed digest (passwords
 * are never kept), one check runs at a time, and wrong passwords are bounded for each network that they come from, so that
 * nobody can keep the processor busy with guesses.
 */
export class PasswordDesk {
  readonly #key = randomBytes(32);
  readonly #right = new Set<string>();
  readonly #wrong = new Set<string>();
  /** Checks under way and waiting, by digest: the same pair is checked once. */
  readonly #pending = new Map<string, Promise<boolean>>();
  /** Token buckets of failures by network, the least recently used first. */
  readonly #failures = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly clock: Clock,
    private readonly verify: PasswordVerifier,
    private readonly log: Log,
  ) {}

  /** `address`: the client's. At once when the pair is known or nothing has to be computed. */
  ask(auth: BasicAuth, given: Credentials | undefined, address: string): Admission | Promise<Admission> {
    if (!given) return 'refused';
    const known = Object.hasOwn(auth.users, given.user);
    // Names that are not there take as long as wrong passwords: answers do not tell which users exist.
    const hash = (known ? auth.users[given.user] : Object.values(auth.users)[0]) ?? PLAIN;
    const digest = this.#digest([hash, given.user, given.password]);
    if (this.#right.has(digest)) return 'admitted';
    if (this.#wrong.has(digest)) return this.#fail(address) ? 'refused' : 'too-many';
    if (hash.startsWith(PLAIN)) {
      const same = timingSafeEqual(this.#bytes([hash.slice(PLAIN.length)]), this.#bytes([given.password]));
      if (known && same) return 'admitted';
      return this.#fail(address) ? 'refused' : 'too-many';
    }
    if (!this.#pending.has(digest) && this.#pending.size >= MAX_WAITING) return 'busy';
    if (!this.#fail(address)) return 'too-many';
    return this.#checked(digest, given.password, hash, known).then((right) => {
      if (right) this.#forgive(address);
      return right ? 'admitted' : 'refused';
    });
  }

  #checked(digest: string, password: string, hash: string, known: boolean): Promise<boolean> {
    const waiting = this.#pending.get(digest);
    if (waiting) return waiting;
    const check = this.#last.then(async () => {
      let right = false;
      try {
        right = (await this.verify(password, hash)) && known;
        remember(right ? this.#right : this.#wrong, digest);
      } catch (error) {
        this.log.warn('a password could not be checked and counts as wrong', { error: String(error) });
      }
      this.#pending.delete(digest);
      return right;
    });
    this.#last = check;
    this.#pending.set(digest, check);
    return check;
  }

  /** Counts a failure; false: there were too many. */
  #fail(address: string): boolean {
    const network = networkOf(address);
    const fullAtMs = taken(this.#failures.get(network) ?? 0, this.clock.monotonicMs(), FAILURES);
    if (fullAtMs === undefined) return false;
    this.#failures.delete(network);
    this.#failures.set(network, fullAtMs);
    dropOldest(this.#failures, MAX_NETWORKS);
    return true;
  }

  /** What was counted before the check was none. */
  #forgive(address: string): void {
    const network = networkOf(address);
    const fullAtMs = this.#failures.get(network);
    if (fullAtMs !== undefined) this.#failures.set(network, fullAtMs - 1_000 / FAILURES.perSecond);
  }

  #digest(parts: readonly string[]): string {
    return this.#bytes(parts).toString('base64');
  }

  #bytes(parts: readonly string[]): Buffer {
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest();
  }
}

function remember(digests: Set<string>, digest: string): void {
  digests.add(digest);
  dropOldest(digests, MAX_REMEMBERED);
}

function dropOldest(
  all: { size: number; keys(): Iterable<string>; delete(key: string): boolean },
  max: number,
): void {
  if (all.size <= max) return;
  for (const oldest of all.keys()) {
    all.delete(oldest);
    return;
  }
}
