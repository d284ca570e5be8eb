import type { Offer } from '../protocol/v1.js';
import type { Cluster } from './cluster.js';
import type { FrameworkTraits } from './decide/framework-traits.js';
import { offerMessage } from './decide/offer-message.js';

const traits: FrameworkTraits = {
  partitionAware: true,
  multiRole: true,
  reservationRefinement: true,
  revocableResources: false,
  sharedResources: false,
  gpuResources: true,
};

/**
 * What every connected agent could offer to a role if no offer were out: for questions, not for launches; these offers
 * cannot be accepted. Made one by one, so that whoever asks may pause.
 */
export function* freeOffers(cluster: Cluster, role: string): Generator<Offer> {
  for (const agent of cluster.agents.values()) {
    if (agent.link !== 'connected') continue;
    const { ledger, info } = agent;
    const resources = ledger.free.plus(ledger.offered);
    const facts = {
      offerId: `free-${agent.id}`,
      frameworkId: '',
      agentId: agent.id,
      ip: '',
      role,
      resources,
    };
    yield offerMessage({ ...facts, agent: info }, traits);
  }
}
