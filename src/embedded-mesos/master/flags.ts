import type { MasterInfo } from '../protocol/v1.js';
import { MAX_COMPLETED_FRAMEWORKS, MAX_COMPLETED_TASKS, MAX_UNREACHABLE_TASKS } from './cluster.js';
import { defaultLeastOffer } from './decide/least-offer.js';

export interface FlaggedOptions {
  readonly agentPingTimeoutMs: number;
  readonly agentReregisterTimeoutMs: number;
  readonly hostname: string;
  readonly port: number;
}

/** Milliseconds as Mesos writes durations. */
function duration(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}secs` : `${ms}ms`;
}

/** The flags of a real master that have a meaning here, by its names, all as text (Mesos reference 3.6). */
export function masterFlags(options: FlaggedOptions, info: MasterInfo): Readonly<Record<string, string>> {
  return {
    agent_ping_timeout: duration(options.agentPingTimeoutMs),
    agent_reregister_timeout: duration(options.agentReregisterTimeoutMs),
    allocator: 'hierarchical',
    authenticate_agents: 'true',
    framework_sorter: 'drf',
    hostname: options.hostname,
    ip: info.address?.ip ?? '',
    max_agent_ping_timeouts: '1',
    max_completed_frameworks: String(MAX_COMPLETED_FRAMEWORKS),
    max_completed_tasks_per_framework: String(MAX_COMPLETED_TASKS),
    max_unreachable_tasks_per_framework: String(MAX_UNREACHABLE_TASKS),
    min_allocatable_resources: defaultLeastOffer
      .map((amounts) =>
        Object.entries(amounts)
          .map(([name, amount]) => `${name}:${amount}`)
          .join(';'),
      )
      .join('|'),
    port: String(options.port),
    role_sorter: 'drf',
  };
}
