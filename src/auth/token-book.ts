import { createHash, randomBytes } from 'node:crypto';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import { keys, type StateStore } from '../store/state-store.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { type Timestamp, timestamp, timestampMs } from '../util/timestamp.js';
import type { TokenInput } from './decide/token-input.js';
import type { Grant, Principal } from './principal.js';

/** Most tokens at once, expired ones included until they are forgotten. */
const MAX_TOKENS = 10_000;
/** An expired token stays listed for so long, then it is forgotten. */
const FORGET_AFTER_MS = 7 * 86_400_000;
const FORGET_PERIOD_MS = 3_600_000;
/** Most that are forgotten in one go. */
const FORGET_AT_ONCE = 500;
/** What a secret begins with, so that scanners of source code find a leaked one. */
const SECRET_PREFIX = 'lr_';
const SECRET_BYTES = 32;

/** A token as it is stored and listed; the secret is nowhere, only its SHA-256. */
export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly createdAt: Timestamp;
  readonly createdBy: string;
  readonly expiresAt?: Timestamp;
  readonly sha256: string;
}

export interface TokenBookOptions {
  readonly store: Pick<StateStore, 'scan' | 'commit'>;
  readonly epoch: number;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

export type FoundToken =
  | { readonly state: 'valid'; readonly principal: Principal }
  | { readonly state: 'expired' | 'unknown' };

/**
 * The tokens of `/v2/tokens`.
 *
 * INVARIANTS
 * - A secret is 256 random bits, told once, and kept only as its SHA-256 (no salt is needed against guessing that many).
 * - A token counts only once it is durable, and no longer the moment its revocation is.
 * - Names of tokens that are listed are unique, so that a name in the audit trail means one token.
 */
export class TokenBook {
  readonly #byHash = new Map<string, TokenRecord>();
  readonly #byId = new Map<string, TokenRecord>();
  readonly #names = new Set<string>();
  readonly #listeners = new Set<(tokenId: string) => void>();
  #timer: Timer | undefined;

  constructor(private readonly options: TokenBookOptions) {}

  /** Reads what is stored. A record that cannot be read is told and does not count: its holder is refused. */
  async start(): Promise<void> {
    const { store, clock, log } = this.options;
    const onCorrupt = ({ key, problem }: { key: string; problem: string }): void =>
      log.error('a token cannot be read and is refused from now on', { key, problem });
    for await (const { value } of store.scan(keys.token(''), { onCorrupt })) this.#add(value as TokenRecord);
    this.#timer = clock.every(FORGET_PERIOD_MS, () => void this.#forgetExpired());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#listeners.clear();
  }

  /** In order of their making. */
  list(): readonly TokenRecord[] {
    return [...this.#byId.values()].sort((a, b) =>
      a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0,
    );
  }

  isExpired(token: TokenRecord): boolean {
    return token.expiresAt !== undefined && this.options.clock.wallMs() >= timestampMs(token.expiresAt);
  }

  /** Durable when it resolves; the only time that the secret is seen. Errors: token-exists, too-many-tokens, StoreError. */
  async create(input: TokenInput, createdBy: string): Promise<{ token: TokenRecord; secret: string }> {
    const { store, epoch, clock, dice } = this.options;
    if (this.#names.has(input.name)) throw new CatalogError('token-exists', { name: input.name });
    if (this.#names.size >= MAX_TOKENS) throw new CatalogError('too-many-tokens', { max: MAX_TOKENS });
    const secret = SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
    const nowMs = clock.wallMs();
    const token: TokenRecord = {
      id: dice.uuid(),
      name: input.name,
      grants: input.grants,
      createdAt: timestamp(nowMs),
      createdBy,
      ...(input.expiresInSeconds === undefined
        ? {}
        : { expiresAt: timestamp(nowMs + input.expiresInSeconds * 1_000) }),
      sha256: hashOf(secret),
    };
    this.#names.add(input.name);
    try {
      await store.commit({ epoch, writes: [{ op: 'put', key: keys.token(token.id), value: token }] });
    } catch (error) {
      this.#names.delete(input.name);
      throw error;
    }
    this.#add(token);
    return { token, secret };
  }

  /** Refused from the moment this resolves, also after a restart. False when there is no such token. */
  async revoke(id: string): Promise<boolean> {
    const token = this.#byId.get(id);
    if (token === undefined) return false;
    const { store, epoch } = this.options;
    await store.commit({ epoch, writes: [{ op: 'delete', key: keys.token(id) }] });
    this.#remove(token);
    return true;
  }

  find(secret: string): FoundToken {
    if (!secret.startsWith(SECRET_PREFIX)) return { state: 'unknown' };
    // What is looked up is a hash: the time it takes says nothing about a secret.
    const token = this.#byHash.get(hashOf(secret));
    if (token === undefined) return { state: 'unknown' };
    if (this.isExpired(token)) return { state: 'expired' };
    const { name, grants, id } = token;
    return { state: 'valid', principal: { name, kind: 'token', grants, tokenId: id } };
  }

  /** Whether a token that was valid once still is. */
  isAlive(id: string): boolean {
    const token = this.#byId.get(id);
    return token !== undefined && !this.isExpired(token);
  }

  /** Tells when a token is revoked. */
  onRevoked(listener: (tokenId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #add(token: TokenRecord): void {
    this.#byId.set(token.id, token);
    this.#byHash.set(token.sha256, token);
    this.#names.add(token.name);
  }

  #remove(token: TokenRecord): void {
    this.#byId.delete(token.id);
    this.#byHash.delete(token.sha256);
    this.#names.delete(token.name);
    for (const listener of this.#listeners) listener(token.id);
  }

  async #forgetExpired(): Promise<void> {
    const { store, epoch, clock, log } = this.options;
    const limitMs = clock.wallMs() - FORGET_AFTER_MS;
    const gone = [...this.#byId.values()]
      .filter(({ expiresAt }) => expiresAt !== undefined && timestampMs(expiresAt) <= limitMs)
      .slice(0, FORGET_AT_ONCE);
    if (gone.length === 0) return;
    try {
      const writes = gone.map(({ id }) => ({ op: 'delete', key: keys.token(id) }) as const);
      await store.commit({ epoch, writes });
      for (const token of gone) this.#remove(token);
    } catch (error) {
      log.warn('expired tokens stay listed for now', { error: String(error) });
    }
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
