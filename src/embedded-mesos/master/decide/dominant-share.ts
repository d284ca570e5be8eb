/** Amounts of scalar resources by name. */
export type Scalars = ReadonlyMap<string, number>;

/**
 * The dominant share: the largest fraction of the cluster that one client holds of any scalar resource, divided by its
 * weight (Ghodsi et al., Dominant Resource Fairness, NSDI 2011). 0 for a client that holds nothing.
 */
export function dominantShare(allocated: Scalars, clusterTotal: Scalars, weight = 1): number {
  let share = 0;
  for (const [name, amount] of allocated) {
    const total = clusterTotal.get(name) ?? 0;
    if (total > 0) share = Math.max(share, amount / total);
  }
  return share / weight;
}

export interface FairClient {
  readonly name: string;
  readonly allocated: Scalars;
  /** How many grants it has had; breaks ties between equal shares. */
  readonly grants: number;
}

/** The order in which clients are served: smallest share first, then fewest grants, then by name (Mesos reference 4.2.2). */
export function fairOrder<C extends FairClient>(clients: readonly C[], clusterTotal: Scalars): readonly C[] {
  if (clients.length < 2) return clients;
  return clients
    .map((client) => ({ client, share: dominantShare(client.allocated, clusterTotal) }))
    .sort(
      (a, b) =>
        a.share - b.share || a.client.grants - b.client.grants || (a.client.name < b.client.name ? -1 : 1),
    )
    .map(({ client }) => client);
}

/** `a` plus `b`; a new map. */
export function addScalars(a: Scalars, b: Scalars): Scalars {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, round((sum.get(name) ?? 0) + amount));
  return sum;
}

/** `a` minus `b`, never below 0, without what is nothing; a new map. */
export function subtractScalars(a: Scalars, b: Scalars): Scalars {
  const rest = new Map(a);
  for (const [name, amount] of b) {
    const left = round((rest.get(name) ?? 0) - amount);
    if (left > 0) rest.set(name, left);
    else rest.delete(name);
  }
  return rest;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
