import type { Call, TaskStatus } from '../protocol/v1.js';
import { type FrameworkRecord, type MasterTask, taskKey } from './cluster.js';
import { masterStatus } from './decide/master-status.js';
import { type AgentStanding, reconcileTask } from './decide/reconcile-task.js';
import type { MasterParts } from './parts.js';

type Kill = Extract<Call, { type: 'KILL' }>['kill'];
type Acknowledge = Extract<Call, { type: 'ACKNOWLEDGE' }>['acknowledge'];
type Reconcile = Extract<Call, { type: 'RECONCILE' }>['reconcile'];
type ReconcileOperations = Extract<Call, { type: 'RECONCILE_OPERATIONS' }>['reconcile_operations'];

const ANSWERS_PER_TURN = 250;

/** What frameworks ask about their tasks: kill, acknowledge, reconcile. */
export class TaskDesk {
  constructor(private readonly parts: MasterParts) {}

  kill(framework: FrameworkRecord, kill: Kill): void {
    this.parts.counters.add('master/messages_kill_task');
    const task = framework.tasks.get(kill.task_id.value);
    if (!task) {
      this.#reconcileOne(framework, kill.task_id.value, kill.agent_id?.value);
      return;
    }
    if (kill.agent_id && kill.agent_id.value !== task.agentId) {
      this.parts.log.warn('a kill was ignored: the task is on another agent', {
        taskId: task.taskId,
        agentId: task.agentId,
      });
      return;
    }
    if (!task.isTerminal) this.killTask(task, kill.kill_policy);
  }

  /** Tells the agent, or remembers it for the agent's return. */
  killTask(task: MasterTask, policy: Kill['kill_policy']): void {
    task.kill = { policy };
    const agent = this.parts.cluster.agents.get(task.agentId);
    if (agent?.link === 'connected') agent.line?.send(killMessage(task));
  }

  acknowledge(framework: FrameworkRecord, acknowledge: Acknowledge): void {
    const { cluster, counters, tasks, log } = this.parts;
    counters.add('master/messages_status_update_acknowledgement');
    const taskId = acknowledge.task_id.value;
    const agent = cluster.agents.get(acknowledge.agent_id.value);
    const task = agent?.tasks.get(taskKey(framework.id, taskId));
    if (agent?.link !== 'connected' || (task && task.forwarded?.uuid !== acknowledge.uuid)) {
      counters.add('master/invalid_status_update_acknowledgements');
      log.debug('an acknowledgement was dropped', {
        taskId,
        agentId: acknowledge.agent_id.value,
        link: agent?.link,
      });
      return;
    }
    counters.add('master/valid_status_update_acknowledgements');
    agent.line?.send({ type: 'ACKNOWLEDGE', frameworkId: framework.id, taskId, uuid: acknowledge.uuid });
    if (task?.isTerminal && task.status?.uuid === acknowledge.uuid) tasks.complete(task);
  }

  reconcile(framework: FrameworkRecord, reconcile: Reconcile): void {
    this.parts.counters.add('master/messages_reconcile_tasks');
    if (reconcile.tasks.length === 0) {
      this.#reconcileAll(framework, [...framework.tasks.values()]);
      return;
    }
    for (const { task_id, agent_id } of reconcile.tasks)
      this.#reconcileOne(framework, task_id.value, agent_id?.value);
  }

  /** No operation outlives its call here, so none is known (Mesos reference 1.9). */
  reconcileOperations(framework: FrameworkRecord, { operations = [] }: ReconcileOperations): void {
    for (const { operation_id, agent_id } of operations) {
      const standing = agent_id ? this.standing(agent_id.value).kind : 'unknown';
      const state = operationStates[standing];
      const status = {
        operation_id,
        state,
        message: 'Reconciliation: Operation is unknown',
        ...(agent_id ? { agent_id } : {}),
      };
      framework.sink?.send({ type: 'UPDATE_OPERATION_STATUS', update_operation_status: { status } });
    }
  }

  standing(agentId: string): AgentStanding {
    const { cluster } = this.parts;
    const agent = cluster.agents.get(agentId);
    if (agent) return { kind: agent.link === 'recovered' ? 'recovered' : 'registered' };
    const unreachable = cluster.unreachable.get(agentId);
    if (unreachable) return { kind: 'unreachable', sinceMs: unreachable.sinceMs };
    return { kind: cluster.gone.has(agentId) ? 'gone' : 'unknown' };
  }

  /** In slices: there may be many. A task that ended and was acknowledged meanwhile needs no answer. */
  #reconcileAll(framework: FrameworkRecord, tasks: readonly MasterTask[]): void {
    const { sink } = framework;
    for (const task of tasks.slice(0, ANSWERS_PER_TURN)) {
      if (framework.tasks.get(task.taskId) !== task) continue;
      this.#tell(framework, this.#answer(framework, task.taskId, task.agentId, { kind: 'registered' }, task));
    }
    if (tasks.length <= ANSWERS_PER_TURN) return;
    this.parts.clock.after(0, () => {
      if (framework.sink === sink) this.#reconcileAll(framework, tasks.slice(ANSWERS_PER_TURN));
    });
  }

  #reconcileOne(framework: FrameworkRecord, taskId: string, agentId: string | undefined): void {
    const standing = agentId === undefined ? { kind: 'unknown' as const } : this.standing(agentId);
    const answer = this.#answer(framework, taskId, agentId, standing, framework.tasks.get(taskId));
    if (answer) this.#tell(framework, answer);
  }

  #answer(
    framework: FrameworkRecord,
    taskId: string,
    agentId: string | undefined,
    standing: AgentStanding,
    task: MasterTask | undefined,
  ): TaskStatus | undefined {
    return reconcileTask({
      taskId,
      agentId,
      known: task ? latestStatus(task) : undefined,
      standing,
      anyRecovered: this.parts.cluster.recoveredCount > 0,
      partitionAware: framework.traits.partitionAware,
      nowMs: this.parts.clock.wallMs(),
    });
  }

  #tell(framework: FrameworkRecord, status: TaskStatus | undefined): void {
    if (status) this.parts.frameworks.tell(framework, status);
  }
}

const operationStates = {
  registered: 'OPERATION_UNKNOWN',
  recovered: 'OPERATION_RECOVERING',
  unreachable: 'OPERATION_UNREACHABLE',
  gone: 'OPERATION_GONE_BY_OPERATOR',
  unknown: 'OPERATION_UNKNOWN',
} as const;

/** The status last sent to the framework if any, else the newest known: what reconciliation repeats. */
function latestStatus(task: MasterTask): Pick<TaskStatus, 'state' | 'agent_id'> & Partial<TaskStatus> {
  const last = task.forwarded ?? task.status;
  return { ...last, state: last?.state ?? task.state, agent_id: { value: task.agentId } };
}

export function killMessage(task: MasterTask): {
  readonly type: 'KILL_TASK';
  readonly frameworkId: string;
  readonly taskId: string;
  readonly killPolicy?: NonNullable<Kill['kill_policy']>;
} {
  const policy = task.kill?.policy;
  return {
    type: 'KILL_TASK',
    frameworkId: task.frameworkId,
    taskId: task.taskId,
    ...(policy ? { killPolicy: policy } : {}),
  };
}

/** The word that a task's agent cannot be heard any more. */
export function unreachableStatus(task: MasterTask, partitionAware: boolean, sinceMs: number): TaskStatus {
  return masterStatus({
    taskId: task.taskId,
    agentId: task.agentId,
    state: 'TASK_UNREACHABLE',
    reason: 'REASON_AGENT_REMOVED',
    message: 'Nothing was heard from the agent for too long',
    nowMs: sinceMs,
    partitionAware,
    unreachableSinceMs: sinceMs,
  });
}
