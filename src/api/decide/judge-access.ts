import type { Access } from '../../auth/access.js';
import { CatalogError } from '../../errors/registry.js';
import type { AccessRoute } from './access-route.js';

/**
 * Throws unless the caller may at least ask: `missing-right` (403), whether or not what the path names exists. What a list
 * shows and what a change touches is checked where it is known. A path or method that the table does not know is open to
 * administrators only; for others it does not exist.
 */
export function judgeAccess(route: AccessRoute, access: Access): void {
  if (route.kind !== 'row') {
    if (access.may('admin', '/')) return;
    if (route.kind === 'none') throw new CatalogError('not-found');
    throw new CatalogError('method-not-allowed', { allow: allowedMethods(route.methods) });
  }
  const { row, path } = route;
  switch (row.scope) {
    case 'nothing':
    case 'self':
      return;
    case 'root':
      access.require(row.right, '/');
      return;
    case 'path':
    case 'task':
      access.require(row.right, path);
      return;
    case 'listed':
    case 'changed':
      access.requireWithin(row.right, path);
      return;
  }
}

/** As an Allow header lists them. */
export function allowedMethods(methods: readonly string[]): string {
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
}
