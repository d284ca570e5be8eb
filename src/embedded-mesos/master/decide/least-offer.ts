import type { Resources } from '../../protocol/resources.js';
import type { FrameworkInfo } from '../../protocol/v1.js';

/** Alternatives; each is a list of amounts that must all be there. No alternatives: anything passes. */
export type LeastOffer = readonly Readonly<Record<string, number>>[];

/** Mesos's `cpus:0.01|mem:32`: crumbs below both are not worth an offer (Mesos reference 4.2.5). */
export const defaultLeastOffer: LeastOffer = [{ cpus: 0.01 }, { mem: 32 }];

export function isWorthOffering(resources: Resources, least: LeastOffer): boolean {
  if (resources.isEmpty) return false;
  if (least.length === 0) return true;
  return least.some((amounts) =>
    Object.entries(amounts).every(([name, amount]) => resources.scalar(name) >= amount),
  );
}

/** A framework may set its own least offer for a role. */
export function leastOfferOf(info: FrameworkInfo, role: string): LeastOffer {
  const own = info.offer_filters?.[role]?.min_allocatable_resources;
  if (!own) return defaultLeastOffer;
  return (own.quantities ?? []).map(({ quantities }) =>
    Object.fromEntries(Object.entries(quantities).map(([name, { value }]) => [name, value])),
  );
}
