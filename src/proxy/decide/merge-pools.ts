import type { Service } from '../table.js';

/**
 * Which services of one deployment group serve as one: those that claim the same service port, or the same path of the same
 * virtual host, also by way of a third. Pools and members in the order of the services.
 */
export function mergedPools<T extends { readonly service: Service }>(
  services: readonly T[],
): readonly (readonly T[])[] {
  const poolOf = new Map<T, Set<T>>();
  const claimants = new Map<string, T>();
  for (const each of services) {
    let pool = new Set([each]);
    for (const claim of claimsOf(each.service)) {
      const other = claimants.get(claim);
      if (!other) claimants.set(claim, each);
      else pool = new Set([...(poolOf.get(other) ?? []), ...pool]);
    }
    for (const member of pool) poolOf.set(member, pool);
  }
  return [...new Set(poolOf.values())].map((pool) => services.filter((each) => pool.has(each)));
}

function claimsOf({ servicePort, mode, vhosts, paths }: Service): readonly string[] {
  const beginnings = paths ?? [''];
  return [
    `${mode} port ${servicePort}`,
    ...vhosts.flatMap((host) => beginnings.map((path) => `host ${host} ${path}`)),
  ];
}
