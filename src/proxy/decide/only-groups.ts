import { servesGroup } from '../../apps/decide/port-routing.js';
import type { RoutingTable, Service, TableDelta } from '../table.js';

/** The part of a table that a load balancer of these groups serves. Its version stays: whoever has it has confirmed it. */
export function tableOfGroups(table: RoutingTable, groups: readonly string[]): RoutingTable {
  if (groups.includes('*')) return table;
  const services = Object.entries(table.services).filter(([, service]) => isOfGroups(service, groups));
  return { ...table, services: Object.fromEntries(services) };
}

/** The same for a change: a service that is of other groups now is gone. */
export function deltaOfGroups(delta: TableDelta, groups: readonly string[]): TableDelta {
  if (groups.includes('*')) return delta;
  const services = Object.entries(delta.services).map(([key, service]) => [
    key,
    service && isOfGroups(service, groups) ? service : null,
  ]);
  return { ...delta, services: Object.fromEntries(services) as TableDelta['services'] };
}

function isOfGroups(service: Service, groups: readonly string[]): boolean {
  return servesGroup(groups, service.groups ?? []);
}
