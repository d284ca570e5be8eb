import type { AgentInfo, Attribute, Resource } from '../protocol/v1.js';
import type { AgentLink, AgentRecord, Cluster } from './cluster.js';

/** An agent as other rooms may see it. */
export interface AgentView {
  readonly id: string;
  readonly hostname: string;
  readonly port: number;
  readonly bootId: string;
  readonly version: string;
  readonly attributes: readonly Attribute[];
  readonly domain: AgentInfo['domain'];
  readonly link: AgentLink | 'unreachable';
  readonly total: readonly Resource[];
  readonly used: readonly Resource[];
  readonly offered: readonly Resource[];
  /** Tasks in the master's books, ended but unacknowledged ones included. */
  readonly taskCount: number;
  /** Milliseconds since the epoch; undefined for an agent that is unreachable since before this master started. */
  readonly registeredAtMs: number | undefined;
}

export function viewAgent(cluster: Cluster, agentId: string): AgentView | undefined {
  const agent = cluster.agents.get(agentId);
  if (agent) return viewRecord(agent);
  const lost = cluster.unreachable.get(agentId);
  if (!lost) return undefined;
  return {
    ...facts(agentId, lost.info, lost.bootId),
    version: '',
    link: 'unreachable',
    total: lost.info.resources,
    used: [],
    offered: [],
    taskCount: 0,
    registeredAtMs: undefined,
  };
}

export function viewAgents(cluster: Cluster): readonly AgentView[] {
  const ids = [...cluster.agents.keys(), ...cluster.unreachable.keys()];
  return ids.flatMap((id) => viewAgent(cluster, id) ?? []);
}

function viewRecord(agent: AgentRecord): AgentView {
  return {
    ...facts(agent.id, agent.info, agent.bootId),
    version: agent.version,
    link: agent.link,
    total: agent.ledger.total.toList(),
    used: agent.ledger.used.toList(),
    offered: agent.ledger.offered.toList(),
    taskCount: agent.tasks.size,
    registeredAtMs: agent.registeredAtMs,
  };
}

function facts(
  id: string,
  info: AgentInfo,
  bootId: string,
): Pick<AgentView, 'id' | 'hostname' | 'port' | 'bootId' | 'attributes' | 'domain'> {
  return {
    id,
    hostname: info.hostname,
    port: info.port,
    bootId,
    attributes: info.attributes ?? [],
    domain: info.domain,
  };
}
