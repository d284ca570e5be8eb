/** What a check needs to know of an offer that is out. */
export interface OfferFacts {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
}

export type OfferCheck<O> =
  | { readonly valid: true; readonly offers: readonly O[]; readonly agentId: string; readonly role: string }
  /** `held`: those of the named offers that are out and belong to the caller; they are used up all the same. */
  | { readonly valid: false; readonly why: string; readonly held: readonly O[] };

/**
 * Whether an ACCEPT names offers that go together: no duplicates, all still out and the caller's own, of one agent and
 * one role (Mesos reference 1.7). An offer is used at most once (invariant I9): valid or not, whatever was held is gone after.
 */
export function checkOffers<O extends OfferFacts>(
  ids: readonly string[],
  frameworkId: string,
  find: (id: string) => O | undefined,
): OfferCheck<O> {
  const held = [...new Set(ids)].flatMap((id) => {
    const offer = find(id);
    return offer?.frameworkId === frameworkId ? [offer] : [];
  });
  const why = fault(ids, frameworkId, find);
  const first = held[0];
  if (why !== undefined || !first) return { valid: false, why: why ?? 'No offers specified', held };
  return { valid: true, offers: held, agentId: first.agentId, role: first.role };
}

function fault<O extends OfferFacts>(
  ids: readonly string[],
  frameworkId: string,
  find: (id: string) => O | undefined,
): string | undefined {
  const seen = new Set<string>();
  let first: O | undefined;
  for (const id of ids) {
    if (seen.has(id)) return `Duplicate offer ${id} in offer list`;
    seen.add(id);
    const offer = find(id);
    if (!offer) return `Offer ${id} is no longer valid`;
    if (offer.frameworkId !== frameworkId) {
      return `Offer ${id} has invalid framework ${offer.frameworkId} while framework ${frameworkId} is expected`;
    }
    first ??= offer;
    if (offer.agentId !== first.agentId) {
      return `Aggregated offers must belong to one single agent. Offer ${id} uses agent ${offer.agentId} and offer ${first.id} uses agent ${first.agentId}`;
    }
    if (offer.role !== first.role) {
      return `Aggregated offers must be allocated to the same role. Offer ${id} uses role '${offer.role}' and offer ${first.id} uses role '${first.role}'`;
    }
  }
  return undefined;
}
