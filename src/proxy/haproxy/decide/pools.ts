import { hash32 } from '../../decide/hash.js';
import { mergedPools } from '../../decide/merge-pools.js';
import { backendName } from '../../decide/names.js';
import type { Service } from '../../table.js';

/** Services that are served by one backend: one, or those of a deployment group that claim the same. */
export interface Pool {
  /** Of its first service. */
  readonly key: string;
  /** Of the backend. */
  readonly name: string;
  /** The first service: its settings are the backend's. */
  readonly lead: Service;
  readonly members: readonly Service[];
}

interface Keyed {
  readonly key: string;
  readonly service: Service;
}

/** The backends of a table, in the order of their keys, and which one serves each service. */
export function poolsOf(services: Readonly<Record<string, Service>>): ReadonlyMap<string, Pool> {
  const all = Object.entries(services)
    .map(([key, service]) => ({ key, service }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const taken = new Set<string>();
  const byService = new Map<string, Pool>();
  for (const members of grouped(all)) {
    const [first] = members;
    if (!first) continue;
    const { key, service: lead } = first;
    const plain = backendName(lead.appId, lead.servicePort);
    const name = taken.has(plain) ? `${plain}_${hash32(key).toString(16)}` : plain;
    taken.add(name);
    const pool = { key, name, lead, members: members.map(({ service }) => service) };
    for (const member of members) byService.set(member.key, pool);
  }
  return byService;
}

function* grouped(all: readonly Keyed[]): Iterable<readonly Keyed[]> {
  const groups = new Map<string, Keyed[]>();
  for (const each of all) {
    const group = each.service.deploymentGroup;
    if (group === undefined) yield [each];
    else groups.set(group, [...(groups.get(group) ?? []), each]);
  }
  for (const members of groups.values()) yield* mergedPools(members);
}
