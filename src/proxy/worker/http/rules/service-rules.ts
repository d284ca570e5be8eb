import type { HttpRules } from '../../../../apps/port-routing.js';
import { withField, withoutFields } from '../../../decide/head-lines.js';
import type { Service } from '../../../table.js';
import type { ErrorCode } from '../error-page.js';
import { AccessGate } from './access-gate.js';
import { challenge, credentialsIn } from './basic-auth.js';
import { HeaderEdits } from './header-edits.js';
import type { Admission, PasswordDesk } from './password-desk.js';
import { type Elsewhere, redirectOf, toHttps } from './redirects.js';
import { restored, rewritten } from './rewrites.js';

/** A request, as far as rules look at it. */
export interface RequestFacts {
  /** Lower case, without a port. */
  readonly hostName: string;
  /** Path and query. */
  readonly target: string;
  /** Header lines, each with its CRLF. */
  readonly lines: string;
  /** The client's. */
  readonly address: string;
  /** It came over TLS. */
  readonly secure: boolean;
  /** It came by a virtual host, not by a service port. */
  readonly byVhost: boolean;
}

/** An answer instead of forwarding. */
export interface OwnAnswer {
  readonly status: number;
  readonly reason: string;
  readonly code?: ErrorCode;
  /** Header lines of the answer, each with its CRLF. */
  readonly fields: string;
}

/** A service, as far as its rules go. */
type Ruled = Pick<Service, 'rules' | 'access'>;

const refusals: Readonly<Record<Exclude<Admission, 'admitted'>, readonly [number, string, ErrorCode]>> = {
  refused: [401, 'a user name and a password are needed', 'unauthorized'],
  'too-many': [429, 'too many wrong passwords', 'rate-limited'],
  busy: [503, 'too many passwords wait to be checked', 'too-busy'],
};
const hstsName: ReadonlySet<string> = new Set(['strict-transport-security']);

/** The rules of one service made ready, so that each request costs only what it uses. */
export class ServiceRules {
  readonly #access: AccessGate | undefined;
  readonly #request: HeaderEdits | undefined;
  readonly #response: HeaderEdits | undefined;

  private constructor(
    private readonly rules: HttpRules,
    access: Service['access'],
  ) {
    this.#access = access && new AccessGate(access);
    this.#request = HeaderEdits.of(rules.requestHeaders);
    this.#response = HeaderEdits.of(rules.responseHeaders);
  }

  /**
   * Undefined: the service has none, its requests cost nothing more. `made` are the rules of the service as it was `before`: they
   * stay when nothing about them changed.
   */
  static of(service: Ruled, before?: Ruled, made?: ServiceRules): ServiceRules | undefined {
    const { rules, access } = service;
    if (!rules && !access) return undefined;
    if (made && before && textOf(before) === textOf(service)) return made;
    return new ServiceRules(rules ?? {}, access);
  }

  /** Whether a client of this address may come. */
  admits(address: string): boolean {
    return this.#access?.admits(address) ?? true;
  }

  /**
   * What is answered instead of forwarding; undefined: nothing, the request goes on. In the order of the checks: the address,
   * TLS (so that no password is asked for in the clear), the password, redirects. A promise only while a password is computed.
   */
  judge(
    facts: RequestFacts,
    desk: PasswordDesk,
    httpsPort: number | undefined,
  ): OwnAnswer | undefined | Promise<OwnAnswer | undefined> {
    if (!this.admits(facts.address))
      return { status: 403, reason: 'your address is not let in here', code: 'denied', fields: '' };
    if (this.sendsToTls(facts)) return moved(toHttps(facts.hostName, facts.target, httpsPort));
    const { basicAuth } = this.rules;
    if (!basicAuth) return this.#redirected(facts);
    const admission = desk.ask(basicAuth, credentialsIn(facts.lines), facts.address);
    const judged = (known: Admission): OwnAnswer | undefined =>
      known === 'admitted' ? this.#redirected(facts) : this.#refused(known, basicAuth.realm);
    return typeof admission === 'string' ? judged(admission) : admission.then(judged);
  }

  /** Whether `judge` sends a client that it admits to TLS. */
  sendsToTls({ byVhost, secure, hostName }: RequestFacts): boolean {
    return this.rules.redirectToHttps === true && byVhost && !secure && hostName !== '';
  }

  /** What of a client's claims about itself is passed on to servers. */
  get forwardsClient(): boolean {
    return this.rules.noForwardedHeaders !== true;
  }

  /** The target that servers are asked for. */
  target(target: string): string {
    return this.rules.rewrite ? rewritten(this.rules.rewrite, target) : target;
  }

  /** Servers get another Host than the client's. */
  get setsHost(): boolean {
    return this.#request?.sets('host') === true;
  }

  /** A request's header lines as servers get them. */
  requestLines(lines: string): string {
    return this.#request?.apply(lines) ?? lines;
  }

  /** An answer's header lines as clients get them. `host`: the value of the request's Host. */
  responseLines(lines: string, secure: boolean, host: string): string {
    const { rewrite } = this.rules;
    let changed = lines;
    if (rewrite?.restoreLocation)
      changed = withField(changed, 'location', (location) => restored(rewrite, location, host));
    if (this.#response) changed = this.#response.apply(changed);
    return secure && this.rules.hsts !== undefined
      ? withoutFields(changed, hstsName) + this.ownFields(secure)
      : changed;
  }

  /** What the load balancer's own answers for this service carry besides. */
  ownFields(secure: boolean): string {
    const { hsts } = this.rules;
    return secure && hsts !== undefined && !/[^\x20-\x7e]/.test(hsts)
      ? `Strict-Transport-Security: ${hsts}\r\n`
      : '';
  }

  #redirected({ target }: RequestFacts): OwnAnswer | undefined {
    const { redirects } = this.rules;
    const elsewhere = redirects && redirectOf(redirects, target);
    return elsewhere && moved(elsewhere);
  }

  #refused(admission: Exclude<Admission, 'admitted'>, realm: string): OwnAnswer {
    const [status, reason, code] = refusals[admission];
    const fields = { refused: challenge(realm), 'too-many': 'Retry-After: 1\r\n', busy: '' };
    return { status, reason, code, fields: fields[admission] };
  }
}

function textOf({ rules, access }: Ruled): string {
  return JSON.stringify([rules, access]);
}

/** What cannot stand in a header (such redirects are refused when an app is posted) is written as browsers would. */
function moved({ status, location }: Elsewhere): OwnAnswer {
  const safe = location.replace(/[^\x21-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    // Bytes of a request's target are characters up to 0xff here.
    return code > 0xff
      ? encodeURIComponent(character)
      : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return { status, reason: `see ${safe}`, fields: `Location: ${safe}\r\n` };
}
