import { proposedAppId } from '../../apps/decide/propose-id.js';
import { resolvePath } from '../../apps/path.js';

/** The id that is meant by one that can be none, where there is one near. Ids that are right stay as they are. */
export function lenientId(id: string): string {
  const path = resolvePath(id);
  const proposed = proposedAppId(path);
  return proposed === undefined || proposed === path ? id : proposed;
}

/** One definition or an array of them with the ids that are meant. Everything else stays as it is. */
export function withLenientIds(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(withLenientIds);
  if (typeof body !== 'object' || body === null || !('id' in body) || typeof body.id !== 'string')
    return body;
  return { ...body, id: lenientId(body.id) };
}
