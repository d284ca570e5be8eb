import type { Access } from '../auth/access.js';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext } from './api-context.js';

/** Throws 404 when there is no such group, or none that the caller may see. */
export function requireGroup({ registry }: ApiContext, access: Access, groupId: string): void {
  if (!registry.groups.get(groupId) || !access.seesGroup(groupId))
    throw new CatalogError('group-not-found', { id: groupId });
}

/** The group whose apps have ids that begin with `prefix` (`/`, `/shop/`); 404 as above. */
export function visibleGroup(context: ApiContext, access: Access, prefix: string): string {
  const groupId = prefix === '/' ? prefix : prefix.slice(0, -1);
  requireGroup(context, access, groupId);
  return groupId;
}
