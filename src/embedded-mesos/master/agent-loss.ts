import type { Timer } from '../../util/clock.js';
import type { AgentTimeouts } from './agent-desk.js';
import type { AgentRecord } from './cluster.js';
import { addSilence } from './decide/agent-silence.js';
import { masterStatus } from './decide/master-status.js';
import type { MasterParts } from './parts.js';
import { registryRecord } from './registry-record.js';
import { unreachableStatus } from './task-desk.js';

/** How often silent agents are looked at, unless a timeout is shorter. */
const WATCH_PERIOD_MS = 1_000;

/**
 * Agents that fall silent, say goodbye, or are replaced.
 *
 * INVARIANT: nobody is told that an agent is unreachable or gone before the registry says so durably.
 */
export class AgentLoss {
  readonly #periodMs: number;
  #ticker: Timer | undefined;
  #lastTickMs = 0;
  /** Agents whose mark is being written; a registration meanwhile must write as well. */
  readonly #marking = new Set<string>();
  /** Agents whose registration is being written: they are not silent. */
  readonly #registering = new Set<string>();
  readonly #onUnreachable = new Set<(agent: AgentRecord) => void>();
  #stopped = false;

  constructor(
    private readonly parts: MasterParts,
    private readonly timeouts: AgentTimeouts,
  ) {
    this.#periodMs = Math.max(
      1,
      Math.min(WATCH_PERIOD_MS, timeouts.agentPingTimeoutMs / 4, timeouts.agentReregisterTimeoutMs / 4),
    );
  }

  isMarking(agentId: string): boolean {
    return this.#marking.has(agentId);
  }

  setRegistering(agentId: string, registering: boolean): void {
    if (registering) this.#registering.add(agentId);
    else this.#registering.delete(agentId);
  }

  onUnreachable(listener: (agent: AgentRecord) => void): void {
    this.#onUnreachable.add(listener);
  }

  /** Somebody is silent: look after it until nobody is. */
  watch(): void {
    if (this.#ticker || this.#stopped) return;
    this.#lastTickMs = this.parts.clock.monotonicMs();
    this.#ticker = this.parts.clock.every(this.#periodMs, () => this.#tick());
  }

  stop(): void {
    this.#stopped = true;
    this.#ticker?.cancel();
  }

  /**
   * A clean shutdown of an agent whose tasks have ended: nothing to wait for, and nobody to worry about. Where a task has not (a
   * launch crossed the goodbye, or an end was never told) the agent is as good as silent, so that its tasks are given up in time.
   */
  shutDown(agent: AgentRecord): void {
    const { cluster, offers, allocator, registrar, clock, log } = this.parts;
    const open = [...agent.tasks.values()].filter((task) => !task.isTerminal);
    cluster.setLink(agent, open.length > 0 ? 'disconnected' : 'shut-down');
    offers.rescindAllOf(agent);
    if (open.length > 0) {
      log.warn('an agent said goodbye before all its tasks had ended', {
        agentId: agent.id,
        hostname: agent.info.hostname,
        tasks: open.length,
      });
      this.watch();
      return;
    }
    allocator.agentRemoved(agent.id);
    log.info('an agent said goodbye', { agentId: agent.id, hostname: agent.info.hostname });
    const record = registryRecord(agent, 'shut-down', clock.wallMs());
    registrar.apply([{ agentId: agent.id, record }]).catch((error: unknown) =>
      log.warn('the goodbye of an agent was not written; after a restart it is waited for', {
        error: String(error),
      }),
    );
  }

  /** The agent's host was started anew under another id (the registry says so by now): nothing of it is alive. */
  replaced(agentId: string): void {
    const { cluster, clock, allocator, offers, tasks, frameworks } = this.parts;
    const agent = cluster.agents.get(agentId);
    if (agent) {
      offers.rescindAllOf(agent);
      for (const task of [...agent.tasks.values()]) {
        if (task.isTerminal) tasks.complete(task);
        else this.#endGone(task.frameworkId, task);
      }
      cluster.remove(agent);
      allocator.agentRemoved(agentId);
    }
    if (cluster.unreachable.delete(agentId)) {
      for (const framework of cluster.frameworks.values()) {
        for (const task of [...framework.unreachableTasks.values()]) {
          if (task.agentId !== agentId) continue;
          framework.unreachableTasks.delete(task.taskId);
          this.#endGone(framework.id, task);
        }
      }
    }
    cluster.gone.set(agentId, { sinceMs: clock.wallMs() });
    frameworks.tellAll({ type: 'FAILURE', failure: { agent_id: { value: agentId } } });
  }

  #endGone(frameworkId: string, task: Parameters<MasterParts['tasks']['end']>[0]): void {
    const framework = this.parts.cluster.frameworks.get(frameworkId);
    const status = masterStatus({
      taskId: task.taskId,
      agentId: task.agentId,
      state: 'TASK_GONE',
      reason: 'REASON_AGENT_REMOVED',
      message: "The agent's host was restarted; nothing that ran there before is alive",
      nowMs: this.parts.clock.wallMs(),
      partitionAware: framework?.traits.partitionAware ?? true,
    });
    this.parts.tasks.end(task, status);
    this.parts.frameworks.tell(framework, status);
  }

  #tick(): void {
    const nowMs = this.parts.clock.monotonicMs();
    const elapsedMs = nowMs - this.#lastTickMs;
    this.#lastTickMs = nowMs;
    let silent = 0;
    for (const agent of this.parts.cluster.agents.values()) {
      if (agent.link !== 'disconnected' && agent.link !== 'recovered') continue;
      silent++;
      if (this.#marking.has(agent.id) || this.#registering.has(agent.id)) continue;
      agent.silentMs = addSilence(agent.silentMs, elapsedMs, this.#periodMs);
      const { agentPingTimeoutMs, agentReregisterTimeoutMs } = this.timeouts;
      if (agent.silentMs >= (agent.link === 'recovered' ? agentReregisterTimeoutMs : agentPingTimeoutMs))
        this.#mark(agent);
    }
    if (silent > 0) return;
    this.#ticker?.cancel();
    this.#ticker = undefined;
  }

  #mark(agent: AgentRecord): void {
    const { registrar, clock, log } = this.parts;
    this.#marking.add(agent.id);
    const sinceMs = clock.wallMs();
    log.warn('an agent is unreachable', {
      agentId: agent.id,
      hostname: agent.info.hostname,
      tasks: agent.tasks.size,
    });
    registrar.apply([{ agentId: agent.id, record: registryRecord(agent, 'unreachable', sinceMs) }]).then(
      () => {
        this.#marking.delete(agent.id);
        if (!this.#stopped) this.#marked(agent, sinceMs);
      },
      (error: unknown) => {
        this.#marking.delete(agent.id);
        log.warn('an agent was not marked unreachable', { agentId: agent.id, error: String(error) });
      },
    );
  }

  /** The mark is durable: now it may be told. */
  #marked(agent: AgentRecord, sinceMs: number): void {
    const { cluster, tasks, frameworks, allocator, offers, counters } = this.parts;
    // Meanwhile its host came back under another id: it is gone, which was told.
    if (cluster.agents.get(agent.id) !== agent) return;
    offers.rescindAllOf(agent);
    for (const task of [...agent.tasks.values()]) {
      if (task.isTerminal) {
        tasks.complete(task);
        continue;
      }
      const framework = cluster.frameworks.get(task.frameworkId);
      tasks.lose(task);
      if (framework)
        frameworks.tell(framework, unreachableStatus(task, framework.traits.partitionAware, sinceMs));
    }
    cluster.remove(agent);
    allocator.agentRemoved(agent.id);
    cluster.unreachable.set(agent.id, { info: agent.info, bootId: agent.bootId, sinceMs });
    cluster.agentChanged(agent.id);
    counters.add('master/slave_unreachable_completed');
    frameworks.tellAll({ type: 'FAILURE', failure: { agent_id: { value: agent.id } } });
    for (const listener of this.#onUnreachable) listener(agent);
  }
}
