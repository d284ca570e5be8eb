/** A service's wish to answer for a virtual host. */
export interface Claim {
  /** Beginnings of paths; none: every path. */
  readonly paths: readonly string[];
  readonly ignoreCase: boolean;
  readonly hasServers: boolean;
}

/**
 * Whose request this is, among the claims to its host in the order of their keys: of the longest beginning of a path that it
 * has (a claim without any is the shortest), the first with servers, else the first. `path` is without its query. Undefined:
 * nobody claims that path.
 */
export function chooseClaim<T extends Claim>(claims: readonly T[], path: string): T | undefined {
  let best: T | undefined;
  let bestLength = -1;
  for (const claim of claims) {
    const length = matchedLength(claim, path);
    if (length < 0 || length < bestLength) continue;
    if (length > bestLength || (claim.hasServers && best?.hasServers === false)) {
      best = claim;
      bestLength = length;
    }
  }
  return best;
}

function matchedLength({ paths, ignoreCase }: Claim, path: string): number {
  if (paths.length === 0) return 0;
  const asked = ignoreCase ? path.toLowerCase() : path;
  let longest = -1;
  for (const beginning of paths)
    if (beginning.length > longest && asked.startsWith(beginning)) longest = beginning.length;
  return longest;
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
