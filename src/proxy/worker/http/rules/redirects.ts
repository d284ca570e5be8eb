import type { Redirect } from '../../../../apps/port-routing.js';
import { pathOf } from '../../../decide/choose-claim.js';

/** Where a request is sent instead of to a server. */
export interface Elsewhere {
  readonly status: Redirect['status'];
  readonly location: string;
}

/** The same over TLS: `hostName` without its port, `httpsPort` undefined for 443. */
export function toHttps(hostName: string, target: string, httpsPort: number | undefined): Elsewhere {
  const port = httpsPort === undefined || httpsPort === 443 ? '' : `:${httpsPort}`;
  return { status: 301, location: `https://${hostName}${port}${target.startsWith('/') ? target : '/'}` };
}

/** The first redirect whose beginning the path has. One that leads to the very same target is none: it would never end. */
export function redirectOf(redirects: readonly Redirect[], target: string): Elsewhere | undefined {
  const path = pathOf(target);
  for (const { path: beginning = '', exact, to, keepRest, status } of redirects) {
    if (exact ? path !== beginning : !path.startsWith(beginning)) continue;
    const location = keepRest ? joined(to, target.slice(beginning.length)) : to;
    if (location !== target) return { status, location };
  }
  return undefined;
}

/** A path stays on this host: two slashes at its beginning would name another one. */
function joined(to: string, rest: string): string {
  const between = to.endsWith('/') && rest.startsWith('/') ? to.slice(0, -1) : to;
  const location = between + rest;
  return to.startsWith('/') ? location.replace(/^[/\\]+/, '/') : location;
}
