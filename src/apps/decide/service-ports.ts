import { CatalogError } from '../../errors/registry.js';
import type { PortDefinition } from '../app.js';
import type { ServicePortChoice } from '../service-port-index.js';

/**
 * Gives every port definition that asks for any service port (0) one of its own (Marathon reference 2.6): first the
 * app's previous service ports of the range that the definition does not name, in their order, then the lowest free
 * ports of the range. Throws `service-ports-exhausted` when none is left.
 */
export function assignServicePorts(
  wanted: readonly PortDefinition[],
  previous: readonly PortDefinition[],
  choice: ServicePortChoice,
): readonly PortDefinition[] {
  if (wanted.every(({ port }) => port !== 0)) return wanted;
  const named = new Set(wanted.map(({ port }) => port));
  const { min, max } = choice.range;
  const kept = previous
    .map(({ port }) => port)
    .filter((port) => port >= min && port <= max && !named.has(port));
  choice.reserve(kept);
  let nextKept = 0;
  return wanted.map((definition) => {
    if (definition.port !== 0) return definition;
    const port = kept[nextKept++] ?? choice.nextFree();
    if (port === undefined) throw new CatalogError('service-ports-exhausted', { min, max });
    return { ...definition, port };
  });
}
