import type { Rewrite } from '../../../../apps/port-routing.js';

/**
 * The target as the server gets it: the beginning `from` of its path is `to`. Only whole segments count: `/api` is not the
 * beginning of `/apis`. Others stay as they are.
 */
export function rewritten({ from, to }: Rewrite, target: string): string {
  const rest = restAfter(from, target);
  return rest === undefined ? target : under(to, rest);
}

/**
 * A Location of the server's as the client must ask for it: `to` is `from` again. Paths, and addresses of the very host that
 * was asked for (`host`: the Host header's value).
 */
export function restored({ from, to }: Rewrite, location: string, host: string): string {
  const absolute = /^(https?:\/\/([^/?#]*))(.*)$/is.exec(location);
  if (absolute && absolute[2]?.toLowerCase() !== host.toLowerCase()) return location;
  if (!absolute && (!location.startsWith('/') || location.startsWith('//'))) return location;
  const rest = restAfter(to, (absolute ? absolute[3] : location) || '/');
  return rest === undefined ? location : `${absolute?.[1] ?? ''}${under(from, rest)}`;
}

/** What follows the beginning: empty, or from the next slash, question mark or number sign on. */
function restAfter(beginning: string, target: string): string | undefined {
  const stem = withoutSlash(beginning);
  if (!target.startsWith(stem)) return undefined;
  const rest = target.slice(stem.length);
  return rest === '' || '/?#'.includes(rest.charAt(0)) ? rest : undefined;
}

function under(beginning: string, rest: string): string {
  const path = withoutSlash(beginning) + rest;
  return path.startsWith('/') ? path : `/${path}`;
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
