import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { Steps } from '../../util/steps.js';
import type { AppId, AppRecord } from '../app.js';
import type { RouteClaimIndex } from '../route-claim-index.js';
import { sameJson } from './canonical-json.js';
import { type Claimant, claimPath, meet, type RouteClaim, routeClaims } from './routing/route-claims.js';
import type { PlacedRecord } from './structure.js';

/** Where the claims of all other apps are looked up. */
export type ClaimsView = Pick<RouteClaimIndex, 'claimants'>;

/** A claim of an app that another one has already. */
export interface RouteConflict {
  readonly appId: AppId;
  readonly claim: RouteClaim;
  readonly other: AppId;
}

/** Most conflicts that one answer names. */
const MAX_CONFLICTS = 50;
/** Most that are told of one stored app. */
const MAX_STANDING = 5;
const HINT =
  'Give one of them another host, path or service port; serve them by different load balancers (groups); or let them serve as one (`loadBalancer.deploymentGroup`).';

/**
 * Refuses what two apps would both get from one load balancer, unless conflicts are only warned of. Only what the request newly
 * claims is looked at, so a stored app that is in conflict can be changed in every other way. A step per app. Throws
 * CatalogError `route-conflict`.
 */
export function* checkRouteConflicts(
  records: readonly PlacedRecord[],
  removed: ReadonlySet<AppId>,
  claims: ClaimsView,
  policy: 'reject' | 'warn',
): Steps<void> {
  const places = new Map(records.map((placed) => [placed.after.app.id, placed]));
  const details: ErrorDetail[] = [];
  for (const found of findConflicts(records, removed, claims)) {
    yield;
    // Those that are accepted are looked for all the same: what is read of each app here is at hand for whoever follows.
    if (!found || policy === 'warn') continue;
    const { appId, claim, other } = found;
    const placed = places.get(appId);
    if (!placed) continue;
    details.push({
      path: `${placed.at}${claimPath(placed.after, claim)}`,
      errors: [`${claim.what} belongs to ${other}`],
      code: 'route-conflict',
      hint: HINT,
    });
    if (details.length === MAX_CONFLICTS) break;
  }
  if (details.length > 0) throw new CatalogError('route-conflict', {}, details);
}

/**
 * Every newly made claim that meets one of another app: of those that stay as they are, or of this request; and undefined after
 * each app that was looked at.
 */
export function* findConflicts(
  records: readonly Pick<PlacedRecord, 'before' | 'after'>[],
  removed: ReadonlySet<AppId>,
  claims: ClaimsView,
): Iterable<RouteConflict | undefined> {
  const changed = records.filter(({ before, after }) => before !== after);
  if (changed.length === 0) return;
  const replaced = new Set([...removed, ...changed.map(({ after }) => after.app.id)]);
  const ofRequest = new Map<string, Claimant[]>();
  const waiting: { readonly appId: AppId; readonly claim: RouteClaim }[] = [];
  for (const { before, after } of changed) {
    const old = before ? routeClaims(before) : [];
    for (const claim of routeClaims(after)) {
      if (isNew(claim, old)) waiting.push({ appId: after.app.id, claim });
      else noteClaim(ofRequest, claim, after.app.id);
    }
    yield undefined;
  }
  for (const { appId, claim } of waiting) {
    const other = firstMet(claim, appId, ofRequest, replaced, claims);
    yield other === undefined ? undefined : { appId, claim, other };
    noteClaim(ofRequest, claim, appId);
  }
}

/** What of a stored app's claims another app has as well, in words; a few of them. */
export function standingConflicts(record: AppRecord, claims: ClaimsView): readonly string[] {
  const found: string[] = [];
  for (const claim of routeClaims(record)) {
    for (const other of claims.claimants(claim)) {
      if (other.appId === record.app.id || !meet(claim.sharing, other.sharing)) continue;
      found.push(conflictText(claim, other.appId));
      if (found.length === MAX_STANDING) return found;
      break;
    }
  }
  return found;
}

/** A conflict that is accepted, for the answer's warnings. */
export function conflictText({ what }: RouteClaim, other: AppId): string {
  return `${what} is claimed by ${other} as well: requests go to one of them only`;
}

function isNew({ key, sharing }: RouteClaim, old: readonly RouteClaim[]): boolean {
  return !old.some((each) => each.key === key && sameJson(each.sharing, sharing));
}

function noteClaim(claimed: Map<string, Claimant[]>, { key, sharing }: RouteClaim, appId: AppId): void {
  const claimants = claimed.get(key);
  if (claimants) claimants.push({ appId, sharing });
  else claimed.set(key, [{ appId, sharing }]);
}

function firstMet(
  claim: RouteClaim,
  appId: AppId,
  ofRequest: ReadonlyMap<string, readonly Claimant[]>,
  replaced: ReadonlySet<AppId>,
  claims: ClaimsView,
): AppId | undefined {
  for (const other of claims.claimants(claim))
    if (!replaced.has(other.appId) && meet(claim.sharing, other.sharing)) return other.appId;
  return (ofRequest.get(claim.key) ?? []).find(
    (other) => other.appId !== appId && meet(claim.sharing, other.sharing),
  )?.appId;
}
