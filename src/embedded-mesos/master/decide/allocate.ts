import { type Resources, reservedRole } from '../../protocol/resources.js';
import type { Resource } from '../../protocol/v1.js';
import { addScalars, fairOrder, type Scalars } from './dominant-share.js';
import type { FrameworkTraits } from './framework-traits.js';
import { isWorthOffering, type LeastOffer } from './least-offer.js';

/** One framework's wish for offers in one role. */
export interface Claim {
  readonly frameworkId: string;
  readonly role: string;
  readonly traits: FrameworkTraits;
  readonly leastOffer: LeastOffer;
  /** What it holds in this role: offered and in use. */
  readonly allocated: Scalars;
  readonly grants: number;
}

export interface Candidate {
  readonly agentId: string;
  readonly available: Resources;
  readonly hasGpus: boolean;
}

export interface Grant {
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
  readonly resources: Resources;
}

export interface AllocationInput {
  /** In the order of their turn (shuffled by the caller). */
  readonly candidates: readonly Candidate[];
  readonly claims: readonly Claim[];
  /** What all frameworks of a role hold together. */
  readonly roleAllocated: (role: string) => Scalars;
  readonly clusterTotal: Scalars;
  /** Declined not long ago, or refused for another reason. */
  readonly isRefused: (claim: Claim, agentId: string, resources: Resources) => boolean;
}

interface Standing {
  readonly name: string;
  allocated: Scalars;
  grants: number;
}

/**
 * One allocation run (Mesos reference 4.2.3): agent by agent, role by role in order of dominant share, framework by
 * framework likewise; all that is left of an agent goes to the first that wants it, so that a (agent, role) has one taker.
 */
export function allocate(input: AllocationInput): readonly Grant[] {
  const roles = rolesWithClaims(input);
  const grants: Grant[] = [];
  for (const candidate of input.candidates) {
    let available = candidate.available;
    for (const role of fairOrder([...roles.values()], input.clusterTotal)) {
      for (const standing of fairOrder(role.claims, input.clusterTotal)) {
        if (available.isEmpty) break;
        const { claim } = standing;
        const resources = available.filter((resource) => maySee(claim, resource));
        if (!isWorthOffering(resources, claim.leastOffer)) continue;
        if (candidate.hasGpus && !claim.traits.gpuResources) continue;
        if (input.isRefused(claim, candidate.agentId, resources)) continue;
        grants.push({
          frameworkId: claim.frameworkId,
          role: claim.role,
          agentId: candidate.agentId,
          resources,
        });
        available = available.minus(resources);
        for (const holder of [role, standing]) {
          holder.allocated = addScalars(holder.allocated, resources.scalars());
          holder.grants += 1;
        }
      }
    }
  }
  return grants;
}

function rolesWithClaims(
  input: AllocationInput,
): Map<string, Standing & { readonly claims: (Standing & { claim: Claim })[] }> {
  const roles = new Map<string, Standing & { readonly claims: (Standing & { claim: Claim })[] }>();
  for (const claim of input.claims) {
    let role = roles.get(claim.role);
    if (!role) {
      role = { name: claim.role, allocated: input.roleAllocated(claim.role), grants: 0, claims: [] };
      roles.set(claim.role, role);
    }
    role.grants += claim.grants;
    role.claims.push({ name: claim.frameworkId, allocated: claim.allocated, grants: claim.grants, claim });
  }
  return roles;
}

/** Unreserved resources are for all, reserved ones for their role and the roles below it. */
function maySee(claim: Claim, resource: Resource): boolean {
  if (resource.revocable && !claim.traits.revocableResources) return false;
  if (resource.shared && !claim.traits.sharedResources) return false;
  if ((resource.reservations?.length ?? 0) > 1 && !claim.traits.reservationRefinement) return false;
  const owner = reservedRole(resource);
  return owner === undefined || owner === claim.role || claim.role.startsWith(`${owner}/`);
}
