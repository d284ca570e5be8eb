import type { Resource } from '../../protocol/v1.js';

/** What is wrong with a list of resources that a task asks for, or undefined (Mesos reference 1.7.4, step 8). */
export function resourcesFault(resources: readonly Resource[], role: string): string | undefined {
  const revocable = new Map<string, boolean>();
  const volumes = new Set<string>();
  for (const resource of resources) {
    const fault = amountFault(resource);
    if (fault) return fault;
    const allocated = resource.allocation_info?.role;
    if (allocated !== undefined && allocated !== role) {
      return `Resource '${resource.name}' is allocated to role '${allocated}' while role '${role}' is expected`;
    }
    if (resource.disk && resource.name !== 'disk')
      return `DiskInfo should not be set for ${resource.name} resource`;
    if (
      resource.reservations?.length &&
      (resource.reservation || (resource.role !== undefined && resource.role !== '*'))
    ) {
      return `Resource '${resource.name}' mixes the old and the new format of reservations`;
    }
    const before = revocable.get(resource.name);
    if (before !== undefined && before !== (resource.revocable !== undefined)) {
      return `Task mixes revocable and non-revocable '${resource.name}'`;
    }
    revocable.set(resource.name, resource.revocable !== undefined);
    const volume = resource.disk?.persistence?.id;
    if (volume !== undefined && volumes.has(volume)) return `Persistence ID '${volume}' is not unique`;
    if (volume !== undefined) volumes.add(volume);
  }
  return undefined;
}

function amountFault(resource: Resource): string | undefined {
  const name = resource.name;
  if (!name) return 'Empty resource name';
  switch (resource.type) {
    case 'SCALAR': {
      const value = resource.scalar?.value;
      if (value === undefined || resource.ranges || resource.set) return `Invalid scalar resource '${name}'`;
      if (!Number.isFinite(value) || value < 0)
        return `Invalid scalar resource '${name}': ${value} is not an amount`;
      if (name === 'gpus' && !Number.isInteger(value))
        return "The 'gpus' resource must be an unsigned integer";
      return undefined;
    }
    case 'RANGES':
      return rangesFault(resource);
    case 'SET': {
      const items = resource.set?.item;
      if (!items || resource.scalar || resource.ranges) return `Invalid set resource '${name}'`;
      return new Set(items).size === items.length ? undefined : `Set resource '${name}' has a duplicate item`;
    }
    default:
      return `Unsupported resource type of '${name}'`;
  }
}

function rangesFault(resource: Resource): string | undefined {
  const ranges = resource.ranges?.range;
  if (!ranges || resource.scalar || resource.set) return `Invalid ranges resource '${resource.name}'`;
  let lastEnd = Number.NEGATIVE_INFINITY;
  for (const { begin, end } of [...ranges].sort((a, b) => a.begin - b.begin)) {
    if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || begin > end) {
      return `Invalid ranges resource '${resource.name}': [${begin}-${end}] is not a range`;
    }
    if (begin <= lastEnd) return `Invalid ranges resource '${resource.name}': ranges overlap`;
    lastEnd = end;
  }
  return undefined;
}
