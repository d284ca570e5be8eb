import type { Cluster } from './cluster.js';

/** An agent that is registered, or expected back, and not heard of. */
export interface SilentAgent {
  readonly agentId: string;
  readonly hostname: string;
  /** How long this process, awake, has heard nothing of it. */
  readonly silentMs: number;
}

/** Agents whose line is down: they offer nothing, and nobody knows how their tasks are. */
export function* silentAgents(cluster: Cluster): Generator<SilentAgent> {
  for (const { id, link, info, silentMs } of cluster.agents.values())
    if (link === 'disconnected' || link === 'recovered')
      yield { agentId: id, hostname: info.hostname, silentMs };
}
