import { CatalogError } from '../../errors/registry.js';
import { isJsonMediaType } from './json-media-type.js';

export const MERGE_PATCH_TYPE = 'application/merge-patch+json';
const JSON_TYPE = 'application/json';

/** What a patch of one app or group may come as. */
export const patchTypes = [JSON_TYPE, MERGE_PATCH_TYPE] as const;

/**
 * How the body of a PATCH is meant: by Marathon's rules, or as a JSON merge patch (RFC 7396). Throws
 * `unsupported-patch-type`, naming what is accepted, for every other kind, e.g. `application/json-patch+json`.
 */
export function patchKind(
  contentType: string | undefined,
  accepted: readonly string[] = patchTypes,
): 'marathon' | 'merge-patch' {
  const type = (contentType ?? JSON_TYPE).split(';')[0]?.trim().toLowerCase() ?? '';
  if (!accepted.includes(type) || !isJsonMediaType(contentType ?? JSON_TYPE))
    throw new CatalogError('unsupported-patch-type', { types: accepted.join(', ') });
  return type === MERGE_PATCH_TYPE ? 'merge-patch' : 'marathon';
}
