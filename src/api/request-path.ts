import type { Request } from 'express';
import { CatalogError } from '../errors/registry.js';
import { pathSegments } from './decide/app-route.js';

/** The decoded segments after the mount point; malformed percent-encoding is a bad request. */
export function segmentsOf(request: Request): readonly string[] {
  const segments = pathSegments(request.path);
  if (segments === undefined) throw malformedPath();
  return segments;
}

export function malformedPath(): CatalogError {
  return new CatalogError('bad-request', {
    reason: 'The path has malformed percent-encoding',
    hint: 'Write `%25` for a percent sign.',
  });
}

/** What express throws when a part of the path that a route names cannot be decoded. */
export function isMalformedPath(thrown: unknown): boolean {
  return thrown instanceof URIError && (thrown as { readonly status?: unknown }).status === 400;
}
