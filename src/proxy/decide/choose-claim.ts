import type { RequestMatch } from '../../apps/port-routing.js';
import { cookieValues, fieldValues } from './head-lines.js';

/** A service's wish to answer for a virtual host. */
export interface Claim {
  /** Beginnings of paths; none: every path. */
  readonly paths: readonly string[];
  readonly ignoreCase: boolean;
  readonly hasServers: boolean;
  /** What a request must carry besides. */
  readonly match?: RequestMatch | undefined;
}

/** All claims to one beginning, those with more conditions first, of equals in the order of their keys. */
interface Beginning<T> {
  readonly text: string;
  readonly claims: T[];
  /** The longest other beginning that this one begins with. */
  parent: Beginning<T> | undefined;
}

/**
 * The claims to one virtual host, made for finding whose a path is: beginnings lie in order, each with a link to the longest
 * one that it continues. The last beginning not after a path is the longest match, or continues it: a search costs the
 * logarithm of the number of beginnings and the depth of their nesting.
 */
export class HostClaims<T extends Claim> {
  readonly #exact: readonly Beginning<T>[];
  readonly #lower: readonly Beginning<T>[];
  /** The one that all requests belong to, when there is no other and it has no conditions. */
  readonly only: T | undefined;

  /** `claims` in the order of their keys. */
  constructor(readonly claims: readonly T[]) {
    this.#exact = beginningsOf(claims.filter(({ ignoreCase }) => !ignoreCase));
    this.#lower = beginningsOf(claims.filter(({ ignoreCase }) => ignoreCase));
    const [first] = claims;
    const alone = claims.length === 1 && first?.paths.length === 0 && conditionsOf(first) === 0;
    this.only = alone ? first : undefined;
  }

  /**
   * Whose request this is: the claim with the longest beginning of the path; of these the one with most conditions that the
   * request meets, then the first with servers, then the first. `path` is without its query, `lines` the request's header
   * lines. Undefined: nobody claims it.
   */
  choose(path: string, lines: string): T | undefined {
    let exact = find(this.#exact, path);
    let lower = this.#lower.length > 0 ? find(this.#lower, path.toLowerCase()) : undefined;
    while (exact || lower) {
      const length = Math.max(exact?.text.length ?? -1, lower?.text.length ?? -1);
      const here = exact?.text.length === length ? exact : undefined;
      const also = lower?.text.length === length ? lower : undefined;
      const found = better(here && bestOf(here.claims, lines), also && bestOf(also.claims, lines));
      if (found) return found;
      if (here) exact = here.parent;
      if (also) lower = also.parent;
    }
    return undefined;
  }
}

/** How many things a claim demands of a request. */
function conditionsOf({ match }: Claim): number {
  if (!match) return 0;
  return Object.keys(match.headers ?? {}).length + Object.keys(match.cookies ?? {}).length;
}

/** Whether a request with these header lines carries all that is asked for. */
export function meets(match: RequestMatch, lines: string): boolean {
  for (const [name, wanted] of Object.entries(match.headers ?? {}))
    if (!anyIs(fieldValues(lines, name), wanted, true)) return false;
  for (const [name, wanted] of Object.entries(match.cookies ?? {}))
    if (!anyIs(cookieValues(lines, name), wanted, false)) return false;
  return true;
}

/** A header's value counts as a whole and by the parts between its commas, as in HAProxy. */
function anyIs(values: readonly string[], wanted: string, parts: boolean): boolean {
  if (wanted === '*') return values.length > 0;
  return values.some(
    (value) => value === wanted || (parts && value.split(',').some((part) => part.trim() === wanted)),
  );
}

/** Of claims in order, the first (of those with as many conditions: the first with servers) whose conditions are met. */
function bestOf<T extends Claim>(claims: readonly T[], lines: string): T | undefined {
  let best: T | undefined;
  for (const claim of claims) {
    if (best && conditionsOf(claim) < conditionsOf(best)) break;
    if (claim.match && !meets(claim.match, lines)) continue;
    if (claim.hasServers) return claim;
    best ??= claim;
  }
  return best;
}

function better<T extends Claim>(one: T | undefined, other: T | undefined): T | undefined {
  if (!one || !other) return one ?? other;
  const more = conditionsOf(other) - conditionsOf(one);
  return more > 0 || (more === 0 && other.hasServers && !one.hasServers) ? other : one;
}

function beginningsOf<T extends Claim>(claims: readonly T[]): readonly Beginning<T>[] {
  const byText = new Map<string, Beginning<T>>();
  for (const claim of claims) {
    for (const text of claim.paths.length === 0 ? [''] : claim.paths) {
      const known = byText.get(text);
      if (known?.claims.at(-1) === claim) continue;
      if (known) known.claims.push(claim);
      else byText.set(text, { text, claims: [claim], parent: undefined });
    }
  }
  const sorted = [...byText.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
  let last: Beginning<T> | undefined;
  for (const one of sorted) {
    while (last && !one.text.startsWith(last.text)) last = last.parent;
    one.parent = last;
    last = one;
    if (one.claims.length > 1) one.claims.sort((a, b) => conditionsOf(b) - conditionsOf(a));
  }
  return sorted;
}

/** The longest beginning of `path`. */
function find<T>(beginnings: readonly Beginning<T>[], path: string): Beginning<T> | undefined {
  let low = 0;
  let high = beginnings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((beginnings[middle]?.text ?? '') <= path) low = middle + 1;
    else high = middle;
  }
  let found = beginnings[low - 1];
  while (found && !path.startsWith(found.text)) found = found.parent;
  return found;
}

/** `*.b.c` and `*.c` for `a.b.c`: the wildcards that a host falls under, the nearest first. */
export function* wildcardsOf(host: string): Iterable<string> {
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) yield `*${host.slice(dot)}`;
}

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
