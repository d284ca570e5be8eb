import type { Resources } from '../../protocol/resources.js';
import type { AgentInfo, Offer, Resource } from '../../protocol/v1.js';
import type { FrameworkTraits } from './framework-traits.js';

export interface OfferFactsForMessage {
  readonly offerId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly agent: AgentInfo;
  /** Where the agent is reached. */
  readonly ip: string;
  readonly role: string;
  readonly resources: Resources;
}

/** An offer as a framework with these capabilities expects it (Mesos reference 1.5.1). */
export function offerMessage(facts: OfferFactsForMessage, traits: FrameworkTraits): Offer {
  const { agent } = facts;
  const resources = facts.resources.toList(traits.multiRole ? facts.role : undefined);
  return {
    id: { value: facts.offerId },
    framework_id: { value: facts.frameworkId },
    agent_id: { value: facts.agentId },
    hostname: agent.hostname,
    url: {
      scheme: 'http',
      address: { hostname: agent.hostname, ip: facts.ip, port: agent.port },
      path: '/slave(1)',
    },
    ...(agent.domain ? { domain: agent.domain } : {}),
    resources: traits.reservationRefinement ? resources : resources.map(inOldFormat),
    ...(agent.attributes?.length ? { attributes: agent.attributes } : {}),
    ...(traits.multiRole ? { allocation_info: { role: facts.role } } : {}),
  };
}

/** Before RESERVATION_REFINEMENT a resource had one `role` and, when reserved at run time, one `reservation`. */
function inOldFormat(resource: Resource): Resource {
  const { reservations, ...rest } = resource;
  const reservation = reservations?.at(-1);
  if (!reservation) return { ...rest, role: '*' };
  const { type, role, ...particulars } = reservation;
  return type === 'DYNAMIC' ? { ...rest, role, reservation: particulars } : { ...rest, role };
}
