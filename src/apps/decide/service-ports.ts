import { CatalogError } from '../../errors/registry.js';
import type { App } from '../app.js';
import type { ServicePortChoice } from '../service-port-index.js';

/** Where service ports stand: in port definitions with host networking, else in the container's port mappings. */
export type PortsOfApp = Pick<App, 'portDefinitions' | 'container'>;

/** The service ports in the order of the app's ports; 0 where none is assigned yet. */
export function servicePortsOf({ portDefinitions, container }: PortsOfApp): readonly number[] {
  const mappings = container?.portMappings;
  return mappings ? mappings.map(({ servicePort }) => servicePort) : portDefinitions.map(({ port }) => port);
}

/**
 * Gives every port that asks for any service port (0) one of its own (Marathon reference 2.6): first the app's previous
 * service ports of the range that the definition does not name, in their order, then the lowest free ports of the range.
 * Throws `service-ports-exhausted` when none is left.
 */
export function assignServicePorts(
  wanted: PortsOfApp,
  previous: PortsOfApp | undefined,
  choice: ServicePortChoice,
): PortsOfApp {
  const asked = servicePortsOf(wanted);
  if (asked.every((port) => port !== 0)) return wanted;
  const named = new Set(asked);
  const { min, max } = choice.range;
  const kept = (previous ? servicePortsOf(previous) : []).filter(
    (port) => port >= min && port <= max && !named.has(port),
  );
  choice.reserve(kept);
  let nextKept = 0;
  const assigned = asked.map((port) => {
    if (port !== 0) return port;
    const found = kept[nextKept++] ?? choice.nextFree();
    if (found === undefined) throw new CatalogError('service-ports-exhausted', { min, max });
    return found;
  });
  return withServicePorts(wanted, assigned);
}

function withServicePorts({ portDefinitions, container }: PortsOfApp, ports: readonly number[]): PortsOfApp {
  const portAt = (index: number, now: number): number => ports[index] ?? now;
  if (!container?.portMappings) {
    const defined = portDefinitions.map((each, index) => ({ ...each, port: portAt(index, each.port) }));
    return { portDefinitions: defined, ...(container ? { container } : {}) };
  }
  const portMappings = container.portMappings.map((each, index) => ({
    ...each,
    servicePort: portAt(index, each.servicePort),
  }));
  return { portDefinitions, container: { ...container, portMappings } };
}
