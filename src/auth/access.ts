import { CatalogError } from '../errors/registry.js';
import { grantsGive, grantsGiveWithin } from './decide/rights.js';
import { anyonePrincipal, nobodyPrincipal, type Principal, type Right } from './principal.js';

/** What one principal may do: asked by every list and every change. Paths are absolute: `/`, `/shop/web`. */
export class Access {
  /** True when nothing has to be filtered: the whole tree may be seen. */
  readonly seesAll: boolean;

  constructor(readonly principal: Principal) {
    this.seesAll = grantsGive(principal.grants, 'view', '/');
  }

  may(right: Right, path: string): boolean {
    return grantsGive(this.principal.grants, right, path);
  }

  /** Whether the right is given on the path or on something below it. */
  mayWithin(right: Right, path: string): boolean {
    return grantsGiveWithin(this.principal.grants, right, path);
  }

  /** Whether an app (or the whole of a group) may be seen. */
  sees(path: string): boolean {
    return this.seesAll || grantsGive(this.principal.grants, 'view', path);
  }

  /** Whether a group may be seen: it, or something in it. What of it is shown is still to be filtered by `sees`. */
  seesGroup(path: string): boolean {
    return this.seesAll || grantsGiveWithin(this.principal.grants, 'view', path);
  }

  /** Throws `missing-right` unless the right is given on the whole path. */
  require(right: Right, path: string): void {
    if (!this.may(right, path)) throw missingRight(this.principal, right, path);
  }

  /** Throws `missing-right` unless the right is given on the path or on something below it. */
  requireWithin(right: Right, path: string): void {
    if (!this.mayWithin(right, path)) throw missingRight(this.principal, right, path);
  }
}

export const fullAccess = new Access(anyonePrincipal);
export const noAccess = new Access(nobodyPrincipal);

/** 403, naming what is missing. It says nothing about whether the path exists. */
export function missingRight(principal: Principal, right: Right, path: string): CatalogError {
  return new CatalogError('missing-right', { name: principal.name, right, path }, undefined, {
    missing: { right, path },
  });
}
