import { Resources } from '../protocol/resources.js';
import type { Call, Filters, Operation, TaskStatus } from '../protocol/v1.js';
import type { AgentRecord, FrameworkRecord } from './cluster.js';
import { checkOffers } from './decide/check-offers.js';
import { MIN_REFUSE_MS, refuseMs } from './decide/decline-filters.js';
import { masterStatus } from './decide/master-status.js';
import { type OperationPlan, planOperations } from './decide/plan-operations.js';
import type { OfferRecord } from './offer-book.js';
import type { MasterParts } from './parts.js';

type Accept = Extract<Call, { type: 'ACCEPT' }>['accept'];
type Decline = Extract<Call, { type: 'DECLINE' }>['decline'];

/** What frameworks do with offers: accept, decline, suppress, revive. */
export class OfferDesk {
  constructor(private readonly parts: MasterParts) {}

  accept(framework: FrameworkRecord, accept: Accept): void {
    const { offers, cluster, counters } = this.parts;
    const operations = accept.operations ?? [];
    counters.add('master/messages_launch_tasks');
    const ids = accept.offer_ids.map(({ value }) => value);
    const check = checkOffers(ids, framework.id, (id) => offers.get(id));
    if (!check.valid) {
      this.#refuseAll(
        framework,
        operations,
        `Task launched with invalid offers: ${check.why}`,
        'REASON_INVALID_OFFERS',
        check.held,
      );
      return;
    }
    const agent = cluster.agents.get(check.agentId);
    if (agent?.link !== 'connected') {
      const reason = agent ? 'REASON_AGENT_DISCONNECTED' : 'REASON_AGENT_REMOVED';
      this.#refuseAll(
        framework,
        operations,
        `Agent ${agent ? 'disconnected' : 'removed'}`,
        reason,
        check.offers,
      );
      return;
    }
    counters.add('master/offers_accepted', check.offers.length);
    let offered = Resources.none;
    for (const offer of check.offers) {
      offered = offered.plus(offer.resources);
      offers.take(offer);
    }
    this.#carryOut(framework, agent, check.role, operations, offered, accept.filters);
  }

  decline(framework: FrameworkRecord, decline: Decline): void {
    const { offers, counters } = this.parts;
    counters.add('master/messages_decline_offers');
    for (const { value } of decline.offer_ids) {
      const offer = offers.get(value);
      if (offer?.frameworkId !== framework.id) continue;
      counters.add('master/offers_declined');
      offers.take(offer);
      this.#refuse(framework, offer.role, offer.agentId, offer.resources, decline.filters);
    }
  }

  suppress(framework: FrameworkRecord, roles: readonly string[] = []): void {
    this.parts.counters.add('master/messages_suppress_offers');
    const named = this.#subscribed(framework, roles);
    for (const role of named ?? []) framework.suppressed.add(role);
  }

  revive(framework: FrameworkRecord, roles: readonly string[] = []): void {
    this.parts.counters.add('master/messages_revive_offers');
    const named = this.#subscribed(framework, roles);
    if (!named) return;
    for (const role of named) framework.suppressed.delete(role);
    this.parts.allocator.clearFilters(framework.id, named);
    this.parts.allocator.wanted();
  }

  #carryOut(
    framework: FrameworkRecord,
    agent: AgentRecord,
    role: string,
    operations: readonly Operation[],
    offered: Resources,
    filters: Filters | undefined,
  ): void {
    const { tasks, allocator } = this.parts;
    const plan = planOperations(operations, offered, {
      agentId: agent.id,
      role,
      isIdUsed: (id) => framework.tasks.has(id) || framework.unreachableTasks.has(id),
    });
    if (plan.launches.length > 0) {
      tasks.launch(framework, agent, role, plan.launches, offered.minus(plan.remaining));
      const infos = plan.launches.map(({ task }) => task);
      agent.line?.send({ type: 'RUN_TASKS', frameworkId: framework.id, tasks: infos });
    }
    this.#tellFaults(framework, agent, plan);
    const progressed = plan.launches.length > 0;
    if (progressed && filters?.refuse_seconds === 0) allocator.freed(agent.id);
    else this.#refuse(framework, role, agent.id, plan.remaining, filters);
  }

  /** What is left goes to others now, and not to this framework until its refusal ends. */
  #refuse(
    framework: FrameworkRecord,
    role: string,
    agentId: string,
    resources: Resources,
    filters: Filters | undefined,
  ): void {
    this.parts.allocator.refuse(
      framework.id,
      role,
      agentId,
      resources,
      Math.max(MIN_REFUSE_MS, refuseMs(filters)),
    );
    this.parts.allocator.freed(agentId);
  }

  #refuseAll(
    framework: FrameworkRecord,
    operations: readonly Operation[],
    message: string,
    reason: string,
    held: readonly OfferRecord[],
  ): void {
    for (const offer of held) {
      this.parts.offers.take(offer);
      this.parts.allocator.freed(offer.agentId);
    }
    for (const operation of operations) {
      for (const task of tasksOf(operation)) {
        this.#say(framework, {
          taskId: task.task_id.value,
          agentId: task.agent_id.value,
          state: 'TASK_DROPPED',
          reason,
          message,
        });
      }
      if (operation.id) this.#operationError(framework, operation.id.value, message);
    }
  }

  #tellFaults(framework: FrameworkRecord, agent: AgentRecord, plan: OperationPlan): void {
    for (const { taskId, reason, message } of plan.faultyTasks) {
      this.#say(framework, { taskId, agentId: agent.id, state: 'TASK_ERROR', reason, message });
    }
    for (const { operationId, type, message } of plan.faultyOperations) {
      this.parts.log.warn('an operation was refused', { frameworkId: framework.id, type, reason: message });
      if (operationId !== undefined) this.#operationError(framework, operationId, message, agent.id);
    }
  }

  #say(
    framework: FrameworkRecord,
    word: { taskId: string; agentId: string; state: TaskStatus['state']; reason: string; message: string },
  ): void {
    this.parts.counters.add(`master/${word.state.toLowerCase().replace('task_', 'tasks_')}`);
    const { partitionAware } = framework.traits;
    this.parts.frameworks.tell(
      framework,
      masterStatus({ ...word, nowMs: this.parts.clock.wallMs(), partitionAware }),
    );
  }

  #operationError(framework: FrameworkRecord, operationId: string, message: string, agentId?: string): void {
    const agent = agentId === undefined ? {} : { agent_id: { value: agentId } };
    const status = {
      operation_id: { value: operationId },
      state: 'OPERATION_ERROR' as const,
      message,
      ...agent,
    };
    framework.sink?.send({ type: 'UPDATE_OPERATION_STATUS', update_operation_status: { status } });
  }

  /** The named roles, all of them without names; undefined (and a word in the log) when one is not subscribed. */
  #subscribed(framework: FrameworkRecord, roles: readonly string[]): ReadonlySet<string> | undefined {
    const stranger = roles.find((role) => !framework.roles.includes(role));
    if (stranger === undefined) return new Set(roles.length > 0 ? roles : framework.roles);
    this.parts.log.warn('a call was dropped: it names a role that is not subscribed', {
      frameworkId: framework.id,
      role: stranger,
    });
    return undefined;
  }
}

function tasksOf(operation: Operation): readonly {
  readonly task_id: { readonly value: string };
  readonly agent_id: { readonly value: string };
}[] {
  if (operation.type === 'LAUNCH') return operation.launch.task_infos;
  return operation.type === 'LAUNCH_GROUP' ? operation.launch_group.task_group.tasks : [];
}
