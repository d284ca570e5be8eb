import type { Grant, Right } from '../principal.js';

const included: Readonly<Record<Right, ReadonlySet<Right>>> = {
  view: new Set<Right>(['view']),
  deploy: new Set<Right>(['deploy', 'view']),
  exec: new Set<Right>(['exec', 'view']),
  admin: new Set<Right>(['admin', 'deploy', 'exec', 'view']),
};

/** Whether having one right means having the other too. */
export function includes(right: Right, other: Right): boolean {
  return included[right].has(other);
}

/** Whether `path` is `root` or below it. `/shop` covers `/shop/web`, never `/shopping`. */
export function covers(root: string, path: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`);
}

/** Whether the grants give a right on the whole of a path. */
export function grantsGive(grants: readonly Grant[], right: Right, path: string): boolean {
  return grants.some((grant) => includes(grant.right, right) && covers(grant.path, path));
}

/**
 * Whether the grants give a right on a path or on something below it: then a list of it is worth asking for, and a group is
 * visible because something in it is.
 */
export function grantsGiveWithin(grants: readonly Grant[], right: Right, path: string): boolean {
  return grants.some(
    (grant) => includes(grant.right, right) && (covers(grant.path, path) || covers(path, grant.path)),
  );
}
