import { isDeepStrictEqual } from 'node:util';
import type { AgentTask, FromAgent } from '../protocol/agent-line.js';
import { Resources } from '../protocol/resources.js';
import type { AgentInfo } from '../protocol/v1.js';
import { AgentLedger } from './agent-ledger.js';
import type { AgentLoss } from './agent-loss.js';
import type { AgentSession } from './agent-session.js';
import type { AgentRecord, MasterTask } from './cluster.js';
import { compareReport } from './decide/agent-report.js';
import { masterStatus } from './decide/master-status.js';
import { forgettable } from './decide/registry-prune.js';
import type { MasterParts } from './parts.js';
import type { RegistryChange, RegistryEntry } from './registrar.js';
import { registryRecord } from './registry-record.js';
import { TaskCounts } from './task-counts.js';
import { killMessage } from './task-desk.js';

type Register = Extract<FromAgent, { type: 'REGISTER' }>;

/** Where an agent comes from when it registers. */
type Origin = 'new' | 'registered' | 'recovered' | 'unreachable' | 'unknown';

/**
 * Registers agents (Mesos reference 4.4).
 *
 * INVARIANT: REGISTERED is sent only when the registry durably has the agent, and its former ids as gone.
 */
export class AgentAdmission {
  #nextNumber = 0;
  readonly #sessions = new Map<string, AgentSession>();

  constructor(
    private readonly parts: MasterParts,
    private readonly loss: AgentLoss,
  ) {
    loss.onUnreachable((agent) => {
      this.#sessions.get(agent.id)?.forget();
      this.#sessions.delete(agent.id);
    });
  }

  recover(entries: readonly RegistryEntry[]): void {
    const { cluster, registrar, clock, log } = this.parts;
    for (const { agentId, record } of entries) {
      if (record.standing === 'gone') cluster.gone.set(agentId, { sinceMs: record.sinceMs });
      else if (record.standing === 'unreachable') cluster.unreachable.set(agentId, record);
      else {
        const agent = newAgent(agentId, record.info, record.bootId, record.version, record.registeredAtMs);
        agent.link = record.standing === 'admitted' ? 'recovered' : 'shut-down';
        cluster.add(agent);
      }
    }
    const former = [...cluster.gone, ...cluster.unreachable].map(([agentId, { sinceMs }]) => ({
      agentId,
      sinceMs,
    }));
    const forgotten = forgettable(former, clock.wallMs());
    for (const id of forgotten) {
      cluster.gone.delete(id);
      cluster.unreachable.delete(id);
    }
    if (forgotten.length > 0) {
      registrar
        .apply(forgotten.map((agentId) => ({ agentId, record: undefined })))
        .catch((error: unknown) => log.warn('the registry was not pruned', { error: String(error) }));
    }
    if (cluster.recoveredCount > 0) this.loss.watch();
  }

  register(session: AgentSession, message: Register, replay: (held: FromAgent) => void): void {
    const { cluster, counters, registrar, log } = this.parts;
    if (session.isRegistering) return;
    const givenId = message.agent.id?.value ?? session.agentId;
    counters.add(
      givenId === undefined ? 'master/messages_register_slave' : 'master/messages_reregister_slave',
    );
    if (givenId !== undefined && cluster.gone.has(givenId)) {
      session.line.send({ type: 'SHUTDOWN', message: 'Agent has been marked gone' });
      return;
    }
    const agentId = givenId ?? `${this.parts.masterId}-S${this.#nextNumber++}`;
    const origin = this.#origin(givenId);
    const changes = this.#registryChanges(agentId, message, origin);
    if (changes.length === 0) {
      this.#admit(session, agentId, message, origin);
      return;
    }
    session.beginRegistering();
    this.loss.setRegistering(agentId, true);
    registrar.apply(changes).then(
      () => this.#written(session, agentId, givenId === undefined, message, replay),
      (error: unknown) => {
        this.loss.setRegistering(agentId, false);
        session.endRegistering();
        log.warn('an agent was not registered', { agentId, error: String(error) });
      },
    );
  }

  /** The registry has it: now the agent may know. */
  #written(
    session: AgentSession,
    agentId: string,
    isNew: boolean,
    message: Register,
    replay: (held: FromAgent) => void,
  ): void {
    this.loss.setRegistering(agentId, false);
    for (const formerId of message.replaces) this.#retire(formerId, session);
    const held = session.endRegistering();
    if (session.isReplaced) return;
    this.#admit(session, agentId, message, this.#origin(isNew ? undefined : agentId));
    for (const one of held) replay(one);
  }

  #retire(formerId: string, successor: AgentSession): void {
    if (this.parts.cluster.gone.has(formerId)) return;
    const session = this.#sessions.get(formerId);
    this.#sessions.delete(formerId);
    if (session && session !== successor) session.replace();
    this.loss.replaced(formerId);
  }

  #origin(givenId: string | undefined): Origin {
    const { cluster } = this.parts;
    if (givenId === undefined) return 'new';
    const agent = cluster.agents.get(givenId);
    if (agent) return agent.link === 'recovered' ? 'recovered' : 'registered';
    return cluster.unreachable.has(givenId) ? 'unreachable' : 'unknown';
  }

  /** What must be durable before the agent may know that it is registered. */
  #registryChanges(agentId: string, message: Register, origin: Origin): readonly RegistryChange[] {
    const { cluster, clock } = this.parts;
    const nowMs = clock.wallMs();
    const info = { ...message.agent, id: { value: agentId } };
    const agent = cluster.agents.get(agentId);
    const facts = {
      info,
      bootId: message.bootId,
      version: message.version,
      registeredAtMs: agent?.registeredAtMs ?? nowMs,
    };
    const isSame =
      (origin === 'registered' || origin === 'recovered') &&
      agent !== undefined &&
      agent.link !== 'shut-down' &&
      !this.loss.isMarking(agentId) &&
      agent.bootId === message.bootId &&
      agent.version === message.version &&
      isDeepStrictEqual(agent.info, info);
    const changes: RegistryChange[] = isSame
      ? []
      : [{ agentId, record: registryRecord(facts, 'admitted', nowMs) }];
    for (const formerId of message.replaces) {
      if (cluster.gone.has(formerId)) continue;
      const former = cluster.agents.get(formerId);
      const record = registryRecord(former ?? facts, 'gone', nowMs);
      changes.push({ agentId: formerId, record });
    }
    return changes;
  }

  #admit(session: AgentSession, agentId: string, message: Register, origin: Origin): void {
    const { cluster, counters, log, allocator } = this.parts;
    const agent = this.#record(agentId, message);
    const old = this.#sessions.get(agentId);
    if (old && old !== session) old.replace();
    this.#sessions.set(agentId, session);
    session.registered(agentId);
    agent.line = session.line;
    if (origin === 'new') counters.add('master/slave_registrations');
    else {
      counters.add('master/slave_reregistrations');
      agent.reregisteredAtMs = this.parts.clock.wallMs();
    }
    cluster.setLink(agent, session.line.connected ? 'connected' : 'disconnected');
    if (!session.line.connected) this.loss.watch();
    cluster.agentChanged(agentId);
    session.line.send({ type: 'REGISTERED', agentId });
    log.info('an agent is registered', {
      agentId,
      hostname: agent.info.hostname,
      origin,
      tasks: message.tasks.length,
    });
    this.#takeOver(agent, message.tasks, origin);
    allocator.agentUp(agent);
  }

  /** The agent's record with what it says of itself now; its offers are void. */
  #record(agentId: string, message: Register): AgentRecord {
    const { cluster, clock, offers, allocator } = this.parts;
    const info = { ...message.agent, id: { value: agentId } };
    const known = cluster.agents.get(agentId);
    if (!known) {
      const agent = newAgent(agentId, info, message.bootId, message.version, clock.wallMs());
      cluster.unreachable.delete(agentId);
      cluster.add(agent);
      return agent;
    }
    offers.rescindAllOf(known);
    if (!isDeepStrictEqual(known.info, info)) {
      known.ledger.setTotal(Resources.of(info.resources));
      allocator.agentChanged(agentId);
    }
    known.info = info;
    known.bootId = message.bootId;
    known.version = message.version;
    return known;
  }

  /** Lays the agent's report beside the books and brings both together. */
  #takeOver(agent: AgentRecord, reported: readonly AgentTask[], origin: Origin): void {
    const { tasks } = this.parts;
    const { common, fresh, missing, settled } = compareReport(agent.tasks.values(), reported);
    for (const { known, reported: report } of common) tasks.update(known, report.status);
    for (const task of settled) tasks.complete(task);
    for (const report of fresh) this.#adopt(agent, report, origin);
    for (const [frameworkId, taskIds] of byFramework(missing)) {
      agent.line?.send({ type: 'RECONCILE', frameworkId, taskIds });
    }
    for (const { known } of common) if (known.kill && !known.isTerminal) agent.line?.send(killMessage(known));
  }

  #adopt(agent: AgentRecord, report: AgentTask, origin: Origin): void {
    const { cluster, frameworks, tasks, clock } = this.parts;
    const taskId = report.task.task_id.value;
    if (cluster.isCompletedFramework(report.frameworkId)) {
      agent.line?.send({ type: 'KILL_TASK', frameworkId: report.frameworkId, taskId });
      return;
    }
    const framework = frameworks.recover(report.frameworkId);
    const task = tasks.adopt(framework, agent, report);
    if (origin !== 'unreachable' && origin !== 'unknown') return;
    const status = masterStatus({
      taskId,
      agentId: agent.id,
      state: task.state,
      reason: 'REASON_AGENT_REREGISTERED',
      message: origin === 'unreachable' ? 'Unreachable agent re-reregistered' : 'Unknown agent reregistered',
      nowMs: clock.wallMs(),
      partitionAware: framework.traits.partitionAware,
      last: report.status,
    });
    frameworks.tell(framework, status);
  }
}

function newAgent(
  id: string,
  info: AgentInfo,
  bootId: string,
  version: string,
  registeredAtMs: number,
): AgentRecord {
  return {
    id,
    info,
    bootId,
    version,
    link: 'disconnected',
    line: undefined,
    silentMs: 0,
    registeredAtMs,
    reregisteredAtMs: undefined,
    ledger: new AgentLedger(Resources.of(info.resources)),
    tasks: new Map(),
    counts: new TaskCounts(),
    offerIds: new Set(),
  };
}

function byFramework(tasks: readonly MasterTask[]): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>();
  for (const task of tasks) {
    const list = ids.get(task.frameworkId) ?? [];
    list.push(task.taskId);
    ids.set(task.frameworkId, list);
  }
  return ids;
}
