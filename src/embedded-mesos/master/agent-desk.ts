import type { FromAgent } from '../protocol/agent-line.js';
import { AgentAdmission } from './agent-admission.js';
import { AgentLoss } from './agent-loss.js';
import { AgentSession } from './agent-session.js';
import { type AgentLine, type AgentRecord, taskKey } from './cluster.js';
import type { MasterParts } from './parts.js';
import type { RegistryEntry } from './registrar.js';
import { killMessage } from './task-desk.js';

export interface AgentTimeouts {
  /** How long a registered agent may be silent. */
  readonly agentPingTimeoutMs: number;
  /** How long agents of the registry have to come back after a start. */
  readonly agentReregisterTimeoutMs: number;
}

/** Agents' lines: what comes in, and what a broken line means. */
export class AgentDesk {
  readonly #admission: AgentAdmission;
  readonly #loss: AgentLoss;
  /** Lines that came before the registry was loaded. */
  readonly #early = new Set<AgentSession>();
  #isReady = false;
  #stopped = false;

  constructor(
    private readonly parts: MasterParts,
    timeouts: AgentTimeouts,
  ) {
    this.#loss = new AgentLoss(parts, timeouts);
    this.#admission = new AgentAdmission(parts, this.#loss);
  }

  /** Takes over what the registry holds; agents of it are waited for. */
  recover(entries: readonly RegistryEntry[]): void {
    this.#admission.recover(entries);
    this.#isReady = true;
    for (const session of this.#early)
      for (const message of session.endRegistering()) this.#receive(session, message);
    this.#early.clear();
  }

  acceptLine(line: AgentLine): void {
    const session = new AgentSession(line);
    if (!this.#isReady) {
      session.beginRegistering();
      this.#early.add(session);
    }
    line.handlers = {
      onMessage: (message) => this.#guarded(session, () => this.#receive(session, message)),
      onReset: () => this.#guarded(session, () => this.#hungUp(session, 'the line was reset')),
      onConnected: () => this.#guarded(session, () => this.#resumed(session)),
      onDisconnected: (reason) => this.#guarded(session, () => this.#hungUp(session, reason)),
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#loss.stop();
  }

  #guarded(session: AgentSession, act: () => void): void {
    if (!this.#stopped && !session.isReplaced) act();
  }

  #receive(session: AgentSession, message: FromAgent): void {
    if (message.type === 'REGISTER' && this.#isReady) {
      this.#admission.register(session, message, (held) => this.#receive(session, held));
      return;
    }
    if (session.hold(message)) return;
    const agent = this.#agentOf(session);
    if (!agent) {
      session.askToRegister();
      return;
    }
    switch (message.type) {
      case 'UPDATE':
        this.#update(agent, message);
        return;
      case 'UNREGISTER':
        this.#loss.shutDown(agent);
        return;
      case 'PONG':
        return;
      case 'USAGE':
        this.parts.usage?.(agent.id, message.tasks);
        return;
      case 'ASK_SECRETS':
        this.#giveSecrets(agent, message);
        return;
    }
  }

  #update(agent: AgentRecord, { frameworkId, status }: Extract<FromAgent, { type: 'UPDATE' }>): void {
    const { cluster, counters, tasks, frameworks, log } = this.parts;
    counters.add('master/messages_status_update');
    const taskId = status.task_id.value;
    const task = agent.tasks.get(taskKey(frameworkId, taskId));
    if (task) tasks.update(task, status);
    const framework = cluster.frameworks.get(frameworkId);
    if (framework) {
      counters.add(task ? 'master/valid_status_updates' : 'master/invalid_status_updates');
      frameworks.forward(framework, task, status);
      if (task?.isTerminal && status.uuid === undefined) tasks.complete(task);
      return;
    }
    counters.add('master/invalid_status_updates');
    if (!cluster.isCompletedFramework(frameworkId)) {
      log.warn('an update was dropped: its framework is unknown', { frameworkId, taskId });
      return;
    }
    // Nobody is left to acknowledge for a framework that was removed.
    if (status.uuid !== undefined)
      agent.line?.send({ type: 'ACKNOWLEDGE', frameworkId, taskId, uuid: status.uuid });
    if (task?.isTerminal) tasks.complete(task);
  }

  /** An agent is told nothing but what the tasks that run on it may know. */
  #giveSecrets(agent: AgentRecord, asked: Extract<FromAgent, { type: 'ASK_SECRETS' }>): void {
    const { frameworkId, taskId, names } = asked;
    const task = agent.tasks.get(taskKey(frameworkId, taskId));
    const failure = 'the server does not know this task to be on this agent';
    const opened =
      task && !task.isTerminal
        ? (this.parts.secrets?.(frameworkId, taskId, names) ?? { failure: 'this server keeps no secrets' })
        : { failure };
    agent.line?.send({ type: 'SECRETS', taskId, ...opened });
  }

  #agentOf(session: AgentSession): AgentRecord | undefined {
    if (session.agentId === undefined) return undefined;
    const agent = this.parts.cluster.agents.get(session.agentId);
    return agent?.line === session.line && agent.link !== 'recovered' ? agent : undefined;
  }

  /** The same line goes on: nothing was lost on the way but the kills that were asked for meanwhile. */
  #resumed(session: AgentSession): void {
    const agent = this.#agentOf(session);
    if (agent?.link !== 'disconnected') return;
    this.parts.cluster.setLink(agent, 'connected');
    this.parts.log.info('an agent is back on its line', { agentId: agent.id });
    for (const task of agent.tasks.values())
      if (task.kill && !task.isTerminal) session.line.send(killMessage(task));
    this.parts.allocator.freed(agent.id);
  }

  #hungUp(session: AgentSession, reason: string): void {
    const agent = this.#agentOf(session);
    if (agent?.link !== 'connected') return;
    this.parts.log.warn('the line to an agent broke', {
      agentId: agent.id,
      hostname: agent.info.hostname,
      reason,
    });
    this.parts.cluster.setLink(agent, 'disconnected');
    this.parts.offers.rescindAllOf(agent);
    this.#loss.watch();
  }
}
