import type { AgentTask } from '../protocol/agent-line.js';
import { Resources } from '../protocol/resources.js';
import { isTerminalState, type TaskInfo, type TaskStatus } from '../protocol/v1.js';
import type { Allocator } from './allocator.js';
import {
  type AgentRecord,
  type Cluster,
  type FrameworkRecord,
  MAX_UNREACHABLE_TASKS,
  type MasterTask,
  taskKey,
} from './cluster.js';
import type { Counters } from './counters.js';
import type { PlannedLaunch } from './decide/plan-operations.js';
import { isNews } from './decide/task-progress.js';

/** Distinct states kept per task for people. */
const MAX_HISTORY = 16;

/**
 * The tasks and what they hold.
 *
 * INVARIANTS
 * - A task that lives is in its framework's and its agent's map and holds its resources in the agent's ledger.
 * - A terminal status frees the resources at once; the task stays in the books until that status is acknowledged.
 * - Every step costs the same however many tasks there are.
 */
export class TaskBook {
  constructor(
    private readonly cluster: Cluster,
    private readonly allocator: Allocator,
    private readonly counters: Counters,
  ) {}

  find(frameworkId: string, taskId: string): MasterTask | undefined {
    return this.cluster.frameworks.get(frameworkId)?.tasks.get(taskId);
  }

  /** Accepted: recorded as TASK_STAGING before the agent hears of them. `taken` is the sum of what they use. */
  launch(
    framework: FrameworkRecord,
    agent: AgentRecord,
    role: string,
    launches: readonly PlannedLaunch[],
    taken: Resources,
  ): void {
    agent.ledger.use(taken);
    this.allocator.took(framework.id, role, taken, false);
    for (const { task, resources } of launches)
      this.#enter(framework, agent, newTask(framework.id, agent.id, role, task, resources));
  }

  /** A task that an agent brought along. */
  adopt(framework: FrameworkRecord, agent: AgentRecord, { task, status }: AgentTask): MasterTask {
    const role =
      task.resources.find((resource) => resource.allocation_info)?.allocation_info?.role ??
      framework.roles[0] ??
      '*';
    const adopted = newTask(framework.id, agent.id, role, task, Resources.of(task.resources));
    adopted.state = status.state;
    adopted.status = status;
    remember(adopted, status);
    if (adopted.isTerminal) adopted.holdsResources = false;
    else {
      agent.ledger.adopt(adopted.resources);
      this.allocator.took(framework.id, role, adopted.resources, false);
    }
    framework.unreachableTasks.delete(adopted.taskId);
    this.#enter(framework, agent, adopted);
    return adopted;
  }

  /** A status from the agent. True when the task has ended just now. */
  update(task: MasterTask, status: TaskStatus): boolean {
    if (!isNews(task.state, status.state)) return false;
    task.status = status;
    remember(task, status);
    if (task.isTerminal) return false;
    this.#changeState(task, status.state);
    if (!task.isTerminal) return false;
    this.counters.add(`master/${status.state.toLowerCase().replace('task_', 'tasks_')}`);
    this.#release(task);
    return true;
  }

  /** Ended and acknowledged, or nothing more will be heard of it: only for people to see from now on. */
  complete(task: MasterTask): void {
    this.#leave(task);
    const framework = this.#framework(task.frameworkId);
    framework?.completedTasks.push(task);
  }

  /** Its agent is unreachable: out of the books, remembered in case the agent returns. */
  lose(task: MasterTask): void {
    this.#leave(task);
    const framework = this.cluster.frameworks.get(task.frameworkId);
    if (!framework) return;
    framework.counts.leave(task.state);
    task.state = 'TASK_UNREACHABLE';
    framework.unreachableTasks.set(task.taskId, task);
    if (framework.unreachableTasks.size <= MAX_UNREACHABLE_TASKS) return;
    const oldest = framework.unreachableTasks.keys().next().value;
    if (oldest !== undefined) framework.unreachableTasks.delete(oldest);
  }

  /** Ends a task by the master's own word (its agent is gone). */
  end(task: MasterTask, status: TaskStatus): void {
    this.update(task, status);
    this.complete(task);
  }

  #enter(framework: FrameworkRecord, agent: AgentRecord, task: MasterTask): void {
    framework.tasks.set(task.taskId, task);
    agent.tasks.set(taskKey(framework.id, task.taskId), task);
    framework.counts.enter(task.state);
    agent.counts.enter(task.state);
  }

  #leave(task: MasterTask): void {
    this.#release(task);
    const agent = this.cluster.agents.get(task.agentId);
    agent?.tasks.delete(taskKey(task.frameworkId, task.taskId));
    agent?.counts.leave(task.state);
    const framework = this.#framework(task.frameworkId);
    if (framework?.tasks.get(task.taskId) === task) framework.tasks.delete(task.taskId);
  }

  #changeState(task: MasterTask, state: TaskStatus['state']): void {
    for (const counts of [
      this.#framework(task.frameworkId)?.counts,
      this.cluster.agents.get(task.agentId)?.counts,
    ]) {
      counts?.leave(task.state);
      counts?.enter(state);
    }
    task.state = state;
  }

  #release(task: MasterTask): void {
    if (!task.holdsResources) return;
    task.holdsResources = false;
    this.cluster.agents.get(task.agentId)?.ledger.release(task.resources);
    this.allocator.gave(task.frameworkId, task.role, task.resources);
    this.allocator.freed(task.agentId);
  }

  #framework(id: string): FrameworkRecord | undefined {
    return (
      this.cluster.frameworks.get(id) ??
      this.cluster.completedFrameworks.find((framework) => framework.id === id)
    );
  }
}

function newTask(
  frameworkId: string,
  agentId: string,
  role: string,
  info: TaskInfo,
  resources: Resources,
): MasterTask {
  return {
    frameworkId,
    agentId,
    taskId: info.task_id.value,
    role,
    info,
    resources,
    state: 'TASK_STAGING',
    status: undefined,
    forwarded: undefined,
    undelivered: undefined,
    history: [],
    holdsResources: true,
    kill: undefined,
    get isTerminal(): boolean {
      return isTerminalState(this.state);
    },
  };
}

/** A status of the same state replaces the one before; `data` is not kept (Mesos reference 1.8). */
function remember(task: MasterTask, status: TaskStatus): void {
  const { data: _data, ...kept } = status;
  if (task.history.at(-1)?.state === status.state) task.history.pop();
  task.history.push(kept);
  if (task.history.length > MAX_HISTORY) task.history.shift();
}
