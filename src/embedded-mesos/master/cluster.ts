import type { Timer } from '../../util/clock.js';
import type { AcceptedLine } from '../../util/line/line.js';
import type { FromAgent, ToAgent } from '../protocol/agent-line.js';
import type { Resources } from '../protocol/resources.js';
import type {
  AgentInfo,
  Event,
  FrameworkInfo,
  KillPolicy,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '../protocol/v1.js';
import type { AgentLedger } from './agent-ledger.js';
import type { FrameworkTraits } from './decide/framework-traits.js';
import { Ring } from './ring.js';
import type { TaskCounts } from './task-counts.js';

/** Mesos's figures (Mesos reference 4.6). */
export const MAX_COMPLETED_FRAMEWORKS = 50;
export const MAX_COMPLETED_TASKS = 1_000;
export const MAX_UNREACHABLE_TASKS = 1_000;

export type AgentLine = AcceptedLine<FromAgent, ToAgent>;

/** One task in the master's books, from its launch (or its agent's report) until its terminal update is acknowledged. */
export interface MasterTask {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly role: string;
  readonly info: TaskInfo;
  readonly resources: Resources;
  /** What is true now. */
  state: TaskState;
  /** The newest status from the agent. */
  status: TaskStatus | undefined;
  /** The newest status that went to the framework; its uuid is what may be acknowledged. */
  forwarded: TaskStatus | undefined;
  /** An update that came while the framework was away: sent as soon as it is back. */
  undelivered: TaskStatus | undefined;
  /** The last status of each distinct state in turn, for people. */
  readonly history: TaskStatus[];
  holdsResources: boolean;
  /** A kill was asked for: repeated when the agent comes back. */
  kill: { readonly policy: KillPolicy | undefined } | undefined;
  readonly isTerminal: boolean;
}

/** Where events of one subscription go. */
export interface EventSink {
  send(event: Event): void;
  /** No more events; the scheduler is told that its line broke. */
  close(): void;
}

export interface FrameworkRecord {
  readonly id: string;
  info: FrameworkInfo;
  traits: FrameworkTraits;
  roles: readonly string[];
  suppressed: Set<string>;
  /** Set while subscribed. */
  sink: EventSink | undefined;
  /** Known only from agents' reports so far. */
  recovered: boolean;
  registeredAtMs: number;
  reregisteredAtMs: number | undefined;
  unregisteredAtMs: number;
  readonly tasks: Map<string, MasterTask>;
  readonly unreachableTasks: Map<string, MasterTask>;
  readonly completedTasks: Ring<MasterTask>;
  readonly counts: TaskCounts;
  readonly offerIds: Set<string>;
  heartbeat: Timer | undefined;
  failover: Timer | undefined;
}

/**
 * `connected`: registered and its line is up. `disconnected`: registered, line down. `recovered`: in the registry, not seen
 * since this master started. `shut-down`: said goodbye after its tasks ended; may come back under its id.
 */
export type AgentLink = 'connected' | 'disconnected' | 'recovered' | 'shut-down';

export interface AgentRecord {
  readonly id: string;
  info: AgentInfo;
  bootId: string;
  version: string;
  link: AgentLink;
  line: AgentLine | undefined;
  /** While disconnected or recovered: how long this process, awake, has heard nothing of it. */
  silentMs: number;
  registeredAtMs: number;
  reregisteredAtMs: number | undefined;
  readonly ledger: AgentLedger;
  /** By `taskKey`. */
  readonly tasks: Map<string, MasterTask>;
  readonly counts: TaskCounts;
  readonly offerIds: Set<string>;
}

export function taskKey(frameworkId: string, taskId: string): string {
  return `${frameworkId} ${taskId}`;
}

/** All that the master knows. Its parts change it only through the books that keep the invariants. */
export class Cluster {
  readonly agents = new Map<string, AgentRecord>();
  readonly unreachable = new Map<
    string,
    { readonly info: AgentInfo; readonly bootId: string; readonly sinceMs: number }
  >();
  readonly gone = new Map<string, { readonly sinceMs: number }>();
  readonly frameworks = new Map<string, FrameworkRecord>();
  readonly completedFrameworks = new Ring<FrameworkRecord>(MAX_COMPLETED_FRAMEWORKS);
  /** Agents of the registry that are not back yet. */
  recoveredCount = 0;
  readonly #listeners = new Set<(agentId: string) => void>();

  /** Told when an agent comes, goes or changes its link. */
  onAgentChange(listener: (agentId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  agentChanged(agentId: string): void {
    for (const listener of this.#listeners) listener(agentId);
  }

  setLink(agent: AgentRecord, link: AgentLink): void {
    if (agent.link === link) return;
    if (agent.link === 'recovered') this.recoveredCount--;
    if (link === 'recovered') this.recoveredCount++;
    agent.link = link;
    agent.silentMs = 0;
    this.agentChanged(agent.id);
  }

  add(agent: AgentRecord): void {
    this.agents.set(agent.id, agent);
    if (agent.link === 'recovered') this.recoveredCount++;
    this.agentChanged(agent.id);
  }

  remove(agent: AgentRecord): void {
    if (!this.agents.delete(agent.id)) return;
    if (agent.link === 'recovered') this.recoveredCount--;
    this.agentChanged(agent.id);
  }

  isCompletedFramework(id: string): boolean {
    return this.completedFrameworks.find((framework) => framework.id === id) !== undefined;
  }
}
