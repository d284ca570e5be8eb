import { namesOrigin } from '../../config/origins.js';

/** What a browser says about the page that sends a request; other programs send neither header. */
export interface OriginQuestion {
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
  /** From `allowedAuthorities`. */
  readonly authorities: ReadonlySet<string>;
  /** Origins that the operator named (`--access-control-allow-origin`); the wildcard lets nobody write. */
  readonly trusted?: readonly string[];
}

/**
 * Whether a write may come from there: from no page at all, or from a page that this very server (scheme, name and
 * port) served, or that the operator trusts by name. `same-site` is another port of the same name, a different program: refused like `cross-site`.
 */
export function originAllowed({ origin, secFetchSite, authorities, trusted = [] }: OriginQuestion): boolean {
  if (namesOrigin(trusted, origin)) return true;
  if (secFetchSite !== undefined && secFetchSite !== 'same-origin' && secFetchSite !== 'none') return false;
  if (origin === undefined) return true;
  const match = /^https?:\/\/([^/]+)$/i.exec(origin);
  return match?.[1] !== undefined && authorities.has(match[1].toLowerCase());
}
