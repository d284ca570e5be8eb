import { createHash, timingSafeEqual } from 'node:crypto';
import { CatalogError } from '../errors/registry.js';
import type { PasswordHash } from '../util/password-hash.js';
import { readAuthorization } from './decide/authorization-header.js';
import { grantsGive } from './decide/rights.js';
import { PasswordGate } from './password-gate.js';
import { anyonePrincipal, operatorPrincipal, type Principal, userPrincipal } from './principal.js';
import type { TokenBook } from './token-book.js';

export interface AuthenticatorOptions {
  /** Whether callers must say who they are. */
  readonly required: boolean;
  /** The work dir's token. */
  readonly operatorToken: string;
  readonly credentials?: PasswordHash;
  readonly tokens: Pick<TokenBook, 'find'>;
}

type Outcome = Principal | 'none' | 'wrong' | 'expired';

/** Tells who asks, by the `Authorization` header. */
export class Authenticator {
  readonly required: boolean;
  readonly #operatorDigest: Buffer;
  readonly #gate: PasswordGate | undefined;

  constructor(private readonly options: AuthenticatorOptions) {
    this.required = options.required;
    this.#operatorDigest = digest(options.operatorToken);
    this.#gate = options.credentials && new PasswordGate(options.credentials);
  }

  /** What a 401 asks for (RFC 9110 section 11.6.1). */
  get challenge(): string {
    const bearer = 'Bearer realm="longrun"';
    return this.#gate ? `Basic realm="longrun", charset="UTF-8", ${bearer}` : bearer;
  }

  /**
   * Who asks. Where nobody has to say it, credentials that happen to be right only give the name that the audit trail tells.
   * Throws `unauthenticated`, `wrong-credentials`, `token-expired` (401), `too-busy`.
   */
  async authenticate(authorization: string | undefined): Promise<Principal> {
    const outcome = await this.#outcome(authorization);
    if (!this.required) {
      if (typeof outcome === 'string') return anyonePrincipal;
      return { ...outcome, grants: anyonePrincipal.grants };
    }
    switch (outcome) {
      case 'none':
        throw new CatalogError('unauthenticated');
      case 'wrong':
        throw new CatalogError('wrong-credentials');
      case 'expired':
        throw new CatalogError('token-expired');
      default:
        return outcome;
    }
  }

  /**
   * The administrator whose token the header carries; undefined when it carries none. Passwords do not count: a browser
   * sends those along with requests that any page makes.
   */
  async administratorByToken(authorization: string | undefined): Promise<Principal | undefined> {
    if (readAuthorization(authorization).scheme !== 'bearer') return undefined;
    const outcome = await this.#outcome(authorization);
    return typeof outcome !== 'string' && grantsGive(outcome.grants, 'admin', '/') ? outcome : undefined;
  }

  async #outcome(authorization: string | undefined): Promise<Outcome> {
    const given = readAuthorization(authorization);
    switch (given.scheme) {
      case 'none':
        return 'none';
      case 'unusable':
        return 'wrong';
      case 'basic': {
        const right = await this.#gate?.accepts(given.user, given.password);
        return right === true ? userPrincipal(given.user) : 'wrong';
      }
      case 'bearer': {
        if (timingSafeEqual(digest(given.secret), this.#operatorDigest)) return operatorPrincipal;
        const found = this.options.tokens.find(given.secret);
        if (found.state === 'valid') return found.principal;
        return found.state === 'expired' ? 'expired' : 'wrong';
      }
    }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
