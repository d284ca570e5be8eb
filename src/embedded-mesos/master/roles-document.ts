import { reservedRole } from '../protocol/resources.js';
import type { Master } from './master.js';
import { ResourceSum } from './resource-sum.js';

interface RoleFacts {
  readonly frameworks: string[];
  readonly offered: ResourceSum;
  readonly reserved: ResourceSum;
}

/**
 * `/roles` (Mesos reference 3.7): every role that a framework is subscribed to or that something is reserved for. Weights
 * and quotas are all the defaults.
 */
export function rolesJson(master: Master): Readonly<Record<string, unknown>> {
  const roles = new Map<string, RoleFacts>();
  const role = (name: string): RoleFacts => {
    const known = roles.get(name);
    if (known) return known;
    const facts = { frameworks: [], offered: new ResourceSum(), reserved: new ResourceSum() };
    roles.set(name, facts);
    return facts;
  };
  for (const framework of master.cluster.frameworks.values()) {
    for (const name of framework.roles) role(name).frameworks.push(framework.id);
    for (const offer of master.offersOf(framework)) role(offer.role).offered.add(offer.resources);
  }
  for (const { link, ledger } of master.cluster.agents.values()) {
    if (link !== 'connected' && link !== 'disconnected') continue;
    const reserved = ledger.total.filter((resource) => reservedRole(resource) !== undefined);
    for (const name of new Set(reserved.toList().flatMap((resource) => reservedRole(resource) ?? [])))
      role(name).reserved.add(reserved.filter((resource) => reservedRole(resource) === name));
  }
  const names = [...roles.keys()].sort();
  return { roles: names.map((name) => roleJson(master, name, role(name))) };
}

function roleJson(master: Master, name: string, facts: RoleFacts): Readonly<Record<string, unknown>> {
  const held = Object.fromEntries(master.heldBy(name));
  const offered = facts.offered.scalars();
  return {
    name,
    weight: 1,
    quota: { role: name, guarantee: {}, limit: {}, consumed: held },
    resources: held,
    allocated: without(held, offered),
    offered,
    reserved: facts.reserved.scalars(),
    frameworks: facts.frameworks,
  };
}

/** What is left of each amount; nothing is left out. */
function without(
  amounts: Readonly<Record<string, number>>,
  taken: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const left: Record<string, number> = {};
  for (const [name, amount] of Object.entries(amounts)) {
    const milli = Math.round((amount - (taken[name] ?? 0)) * 1_000);
    if (milli > 0) left[name] = milli / 1_000;
  }
  return left;
}
