import type { ErrorDetail } from '../../../errors/registry.js';
import { asReason, type Reason } from './judge-app.js';

/**
 * Which elements of a bulk request a server refused, by their index: its paths begin with `/(3)`, or with `(3)`. Undefined
 * when anything was said that belongs to no element: then the request as a whole is at fault.
 */
export function refusedApps(details: unknown): ReadonlyMap<number, readonly Reason[]> | undefined {
  if (!Array.isArray(details) || details.length === 0) return undefined;
  const found = new Map<number, Reason[]>();
  for (const detail of details as readonly ErrorDetail[]) {
    const match = /^\/?\((\d+)\)(.*)$/.exec(detail.path ?? '');
    if (!match) return undefined;
    const index = Number(match[1]);
    const reason = asReason({ ...detail, path: match[2] || '/' });
    found.set(index, [...(found.get(index) ?? []), reason]);
  }
  return found;
}
