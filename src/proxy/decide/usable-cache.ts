import type { RoutingTable, Server, Service } from '../table.js';

/** A routing table as it lies on disk, with the boot in which it was written. */
export interface CachedTable {
  readonly format: 1;
  /** Boot id of this very host when the table was written. */
  readonly localBootId: string;
  readonly table: RoutingTable;
}

/**
 * What of a cached table may be served before the server confirms it. After a reboot of this host nothing that ran on it
 * is alive: servers of its former boot, and those of unknown boot, are dropped. Other hosts' servers stay.
 */
export function usableTable(cached: CachedTable, localBootId: string): RoutingTable {
  if (cached.localBootId === localBootId) return cached.table;
  const alive = (server: Server): boolean => server.bootId !== '' && server.bootId !== cached.localBootId;
  const services: Record<string, Service> = {};
  for (const [key, service] of Object.entries(cached.table.services)) {
    services[key] = { ...service, servers: service.servers.filter(alive) };
  }
  return { ...cached.table, services };
}

/** Reads what a cache file holds; undefined when it is not one of ours. */
export function parseCachedTable(text: string): CachedTable | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { format, localBootId, table } = value as Partial<CachedTable>;
  if (format !== 1 || typeof localBootId !== 'string' || typeof table !== 'object' || table === null)
    return undefined;
  if (
    typeof table.version !== 'number' ||
    typeof table.epoch !== 'number' ||
    typeof table.services !== 'object' ||
    table.services === null
  )
    return undefined;
  return { format, localBootId, table };
}
