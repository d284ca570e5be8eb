import type { Request, RequestHandler } from 'express';
import type { AppId } from '../../apps/app.js';
import { Access, fullAccess, noAccess } from '../../auth/access.js';
import type { Authenticator } from '../../auth/authenticator.js';
import type { Principal } from '../../auth/principal.js';
import { CatalogError } from '../../errors/registry.js';
import { accessRoutes } from '../decide/access-route.js';
import { accessTable } from '../decide/access-table.js';
import { allowedMethods, judgeAccess } from '../decide/judge-access.js';

const known = new WeakMap<object, Access>();

/** What the caller may do. A request that came by no guard may do nothing. */
export function accessOf(request: Request): Access {
  return known.get(request) ?? noAccess;
}

/**
 * Finds out who asks and whether they may ask this at all, by the table of routes; before a body is read. Open routes and
 * OPTIONS (which a browser asks without credentials) pass unasked.
 */
export function guardAccess(
  authenticator: Authenticator | undefined,
  exists: (appId: AppId) => boolean,
): RequestHandler {
  const find = accessRoutes(accessTable);
  return async (request, response, next) => {
    if (authenticator === undefined) {
      known.set(request, fullAccess);
      next();
      return;
    }
    const route = find(request.path, request.method, exists);
    const open = request.method === 'OPTIONS' || (route.kind === 'row' && route.row.scope === 'nothing');
    if (open && authenticator.required) {
      known.set(request, noAccess);
      next();
      return;
    }
    let principal: Principal;
    try {
      principal = await authenticator.authenticate(request.headers.authorization);
    } catch (error) {
      if (error instanceof CatalogError && error.status === 401)
        response.setHeader('WWW-Authenticate', authenticator.challenge);
      throw error;
    }
    const access = new Access(principal);
    known.set(request, access);
    if (!open) {
      if (route.kind === 'other-methods') response.setHeader('Allow', allowedMethods(route.methods));
      judgeAccess(route, access);
    }
    next();
  };
}
