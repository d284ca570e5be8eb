import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { PortRouting } from '../port-routing.js';
import { servedPorts } from './served-ports.js';
import type { PlacedRecord } from './structure.js';

/** What a load balancer cannot do of what one port asks for; empty: nothing. */
export type Incapacities = (
  asked: Partial<PortRouting> & { readonly udp?: 'too' | 'only' },
) => readonly { readonly member: string; readonly reason: string }[];

/** Refuses new and changed apps that ask for what the load balancer cannot do. Throws CatalogError `unsupported`. */
export function checkCapabilities(records: readonly PlacedRecord[], incapacities: Incapacities): void {
  const details: ErrorDetail[] = [];
  for (const { before, after, at } of records) {
    if (before === after) continue;
    for (const port of servedPorts(after)) {
      const udp = port.protocol === 'udp' ? 'only' : port.protocol === 'tcp' ? undefined : 'too';
      for (const { member, reason } of incapacities({ ...port.routing, ...(udp && { udp }) }))
        details.push({
          path: `${at}/loadBalancer`,
          errors: [`${member} of port ${port.portIndex}: ${reason}`],
          code: 'unsupported',
          hint: 'Leave it out, or have the built-in load balancer carry the traffic (--lb builtin).',
        });
    }
  }
  if (details.length > 0)
    throw new CatalogError(
      'unsupported',
      { what: 'something of the load balancer that HAProxy does not do' },
      details,
    );
}
