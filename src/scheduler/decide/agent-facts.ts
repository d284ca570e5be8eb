import { attributeText } from '../../embedded-mesos/protocol/attribute-text.js';
import type { Offer } from '../../embedded-mesos/protocol/v1.js';
import type { AgentId, InstanceTask } from '../instance.js';

/** Longest attribute text that constraints look at; the rest is cut off, so that a pattern cannot be fed megabytes. */
const MAX_ATTRIBUTE_LENGTH = 1_024;

/** What constraints and people need to know of an agent. */
export interface AgentFacts {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zone?: string;
}

/**
 * The agent behind an offer; a missing optional field of the offer is simply absent here, and of several attributes with
 * one name the first counts, as Mesos has it.
 */
export function agentFacts(offer: Offer): AgentFacts {
  const attributes: Record<string, string> = {};
  for (const attribute of offer.attributes ?? []) {
    if (Object.hasOwn(attributes, attribute.name)) continue;
    attributes[attribute.name] = attributeText(attribute).slice(0, MAX_ATTRIBUTE_LENGTH);
  }
  const domain = offer.domain?.fault_domain;
  return {
    agentId: offer.agent_id.value as AgentId,
    hostname: offer.hostname,
    attributes,
    ...(domain === undefined ? {} : { region: domain.region.name, zone: domain.zone.name }),
  };
}

/** Value of a constraint's field on an agent (Marathon reference 6.1); undefined when the agent lacks it. */
export function fieldValue(
  agent: Pick<AgentFacts, 'hostname' | 'attributes' | 'region' | 'zone'> | InstanceTask,
  field: string,
): string | undefined {
  switch (field) {
    case 'hostname':
    case '@hostname':
      return agent.hostname;
    case '@region':
      return agent.region;
    case '@zone':
      return agent.zone;
    default:
      return Object.hasOwn(agent.attributes, field) ? agent.attributes[field] : undefined;
  }
}
