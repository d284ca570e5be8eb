import type { AgentTask, FromAgent, ToAgent } from '../embedded-mesos/protocol/agent-line.js';
import {
  type Attribute,
  isTerminalState,
  type Resource,
  type TaskInfo,
  type TaskState,
  type TaskStatus,
} from '../embedded-mesos/protocol/v1.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import type { LineEnd, LineHandlers } from '../util/line/line.js';

/** What a simulated task does by itself; without `runForMs` it runs until it is killed. */
export interface SimBehaviour {
  readonly runForMs?: number;
  readonly endsAs?: Extract<TaskState, 'TASK_FINISHED' | 'TASK_FAILED'>;
}

export interface SimAgentOptions {
  readonly hostname: string;
  readonly port?: number;
  readonly resources: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly clock: Clock;
  readonly dice: Dice;
  readonly dial: (handlers: LineHandlers<ToAgent>) => LineEnd<FromAgent>;
  /** From RUN_TASKS to TASK_RUNNING. */
  readonly launchDelayMs?: number;
  /** From KILL_TASK to TASK_KILLED. */
  readonly killDelayMs?: number;
  readonly behaviour?: (task: TaskInfo) => SimBehaviour;
  /** Told every state a task really enters here, before anybody else hears of it. */
  readonly onTask?: (task: TaskInfo, state: TaskState) => void;
}

/** As the real agent: 10 s, doubled up to 10 min. */
const FIRST_RETRY_MS = 10_000;
const LAST_RETRY_MS = 600_000;
const RETRY_TICK_MS = 1_000;

interface SimTask {
  readonly frameworkId: string;
  readonly info: TaskInfo;
  state: TaskState;
  /** Not yet acknowledged, oldest first; only the first travels. */
  readonly updates: TaskStatus[];
  last: TaskStatus;
  retryAtMs: number;
  retryMs: number;
  end: Timer | undefined;
}

/**
 * A simulated agent: registers, runs make-believe tasks on the given clock and repeats their updates until they are
 * acknowledged. Its tasks and checkpoints outlive its own crash and are dead after a reboot, as with the real one.
 */
export class SimAgent {
  /** What lies on its disk: survives `crash`. */
  #agentId: string | undefined;
  #bootId: string;
  #formerIds: string[] = [];
  readonly #tasks = new Map<string, SimTask>();
  /** Tasks with an update that is not acknowledged. */
  readonly #unacknowledged = new Set<SimTask>();
  #line: LineEnd<FromAgent> | undefined;
  #isRegistered = false;
  #ticker: Timer | undefined;
  /** How many times each task id was started: more than one is a duplicate (invariant I6). */
  readonly starts = new Map<string, number>();

  constructor(private readonly options: SimAgentOptions) {
    this.#bootId = options.dice.uuid();
  }

  get id(): string | undefined {
    return this.#agentId;
  }

  get bootId(): string {
    return this.#bootId;
  }

  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  /** Ids of tasks that are alive here. */
  liveTaskIds(): readonly string[] {
    return [...this.#tasks.values()]
      .filter(({ state }) => !isTerminalState(state))
      .map(({ info }) => info.task_id.value);
  }

  state(taskId: string): TaskState | undefined {
    for (const task of this.#tasks.values()) if (task.info.task_id.value === taskId) return task.state;
    return undefined;
  }

  start(): void {
    if (this.#line) return;
    this.#line = this.options.dial({
      onMessage: (message) => this.#receive(message),
      onReset: () => this.#register(),
      onDisconnected: () => undefined,
    });
    this.#watchRetries();
  }

  /** The agent's process dies; its tasks run on. `start` brings it back. */
  crash(): void {
    this.#isRegistered = false;
    this.#ticker?.cancel();
    this.#ticker = undefined;
    const line = this.#line;
    this.#line = undefined;
    line?.close();
  }

  /** The host reboots: tasks are dead without a word, the old id is not used again. */
  reboot(): void {
    this.crash();
    this.#wipe();
    if (this.#agentId !== undefined) this.#formerIds.push(this.#agentId);
    this.#agentId = undefined;
    this.#bootId = this.options.dice.uuid();
  }

  /** Ctrl-C: ends the tasks, says goodbye. */
  shutDown(): void {
    for (const task of this.#tasks.values()) this.#finish(task, 'TASK_KILLED', 'The agent shuts down');
    this.unregister();
  }

  /** Says goodbye, whatever runs. */
  unregister(): void {
    this.#send({ type: 'UNREGISTER' });
    this.#isRegistered = false;
  }

  /** A task ends by itself. */
  endTask(taskId: string, state: 'TASK_FINISHED' | 'TASK_FAILED' | 'TASK_KILLED' = 'TASK_FAILED'): void {
    for (const task of this.#tasks.values())
      if (task.info.task_id.value === taskId) this.#finish(task, state, 'Ended by itself');
  }

  #register(): void {
    this.#isRegistered = false;
    const { hostname, port = 5051, resources, attributes } = this.options;
    this.#send({
      type: 'REGISTER',
      agent: {
        ...(this.#agentId === undefined ? {} : { id: { value: this.#agentId } }),
        hostname,
        port,
        resources,
        ...(attributes ? { attributes } : {}),
      },
      bootId: this.#bootId,
      replaces: this.#formerIds,
      tasks: [...this.#tasks.values()].map(
        ({ frameworkId, info, last }): AgentTask => ({ frameworkId, task: info, status: last }),
      ),
      version: 'simulated',
    });
  }

  #receive(message: ToAgent): void {
    if (!this.#line) return;
    switch (message.type) {
      case 'REGISTERED':
        this.#agentId = message.agentId;
        this.#isRegistered = true;
        for (const task of this.#unacknowledged) this.#sendUpdate(task);
        return;
      case 'REREGISTER':
        this.#register();
        return;
      case 'RUN_TASKS':
        this.#run(message.frameworkId, message.tasks);
        return;
      case 'KILL_TASK':
        this.#kill(message.frameworkId, message.taskId);
        return;
      case 'ACKNOWLEDGE':
        this.#acknowledged(message.frameworkId, message.taskId, message.uuid);
        return;
      case 'RECONCILE':
        for (const taskId of message.taskIds) this.#reconcile(message.frameworkId, taskId);
        return;
      case 'SECRETS':
      case 'SECRETS_CHANGED':
        return;
      case 'PING':
        this.#send({ type: 'PONG' });
        return;
      case 'SHUTDOWN':
        this.#wipe();
        this.#agentId = undefined;
        this.crash();
        return;
    }
  }

  /** Every task dies without a word. */
  #wipe(): void {
    for (const task of this.#tasks.values()) {
      task.end?.cancel();
      if (!isTerminalState(task.state)) this.options.onTask?.(task.info, 'TASK_KILLED');
    }
    this.#tasks.clear();
    this.#unacknowledged.clear();
  }

  #run(frameworkId: string, infos: readonly TaskInfo[]): void {
    const started: SimTask[] = [];
    for (const info of infos) {
      const key = `${frameworkId} ${info.task_id.value}`;
      if (this.#tasks.has(key)) continue;
      this.starts.set(info.task_id.value, (this.starts.get(info.task_id.value) ?? 0) + 1);
      const last: TaskStatus = { task_id: info.task_id, state: 'TASK_STAGING' };
      const task: SimTask = {
        frameworkId,
        info,
        state: 'TASK_STAGING',
        updates: [],
        last,
        retryAtMs: 0,
        retryMs: FIRST_RETRY_MS,
        end: undefined,
      };
      this.#tasks.set(key, task);
      this.options.onTask?.(info, 'TASK_STAGING');
      started.push(task);
    }
    // One timer for the whole batch: ten thousand tasks cost as little as one.
    this.options.clock.after(this.options.launchDelayMs ?? 0, () => {
      for (const task of started) if (task.state === 'TASK_STAGING' && this.#knows(task)) this.#running(task);
    });
  }

  #running(task: SimTask): void {
    this.#update(task, 'TASK_RUNNING');
    const { runForMs, endsAs = 'TASK_FINISHED' } = this.options.behaviour?.(task.info) ?? {};
    if (runForMs === undefined) return;
    task.end = this.options.clock.after(runForMs, () => this.#finish(task, endsAs, 'Ended by itself'));
  }

  #kill(frameworkId: string, taskId: string): void {
    const task = this.#tasks.get(`${frameworkId} ${taskId}`);
    if (!task) {
      this.#disown(frameworkId, taskId, 'TASK_GONE', 'The agent does not know the task');
      return;
    }
    this.options.clock.after(this.options.killDelayMs ?? 0, () =>
      this.#finish(task, 'TASK_KILLED', 'Killed on request'),
    );
  }

  #reconcile(frameworkId: string, taskId: string): void {
    const task = this.#tasks.get(`${frameworkId} ${taskId}`);
    if (!task) this.#disown(frameworkId, taskId, 'TASK_DROPPED', 'The agent never had the task');
    else if (this.#unacknowledged.has(task)) this.#sendUpdate(task);
    else this.#send({ type: 'UPDATE', frameworkId, status: this.#withoutUuid(task.last) });
  }

  #disown(frameworkId: string, taskId: string, state: TaskState, message: string): void {
    const status: TaskStatus = {
      task_id: { value: taskId },
      state,
      message,
      source: 'SOURCE_AGENT',
      reason: 'REASON_RECONCILIATION',
      ...(this.#agentId === undefined ? {} : { agent_id: { value: this.#agentId } }),
      timestamp: this.options.clock.wallMs() / 1000,
    };
    this.#send({ type: 'UPDATE', frameworkId, status });
  }

  #withoutUuid({ uuid: _uuid, ...status }: TaskStatus): TaskStatus {
    return status;
  }

  #knows(task: SimTask): boolean {
    return this.#tasks.get(`${task.frameworkId} ${task.info.task_id.value}`) === task;
  }

  #finish(task: SimTask, state: TaskState, message: string): void {
    if (isTerminalState(task.state) || !this.#knows(task)) return;
    task.end?.cancel();
    this.#update(task, state, message);
  }

  /** Recorded on disk first, then sent when it is its turn. */
  #update(task: SimTask, state: TaskState, message?: string): void {
    const status: TaskStatus = {
      task_id: task.info.task_id,
      state,
      ...(message === undefined ? {} : { message }),
      source: 'SOURCE_EXECUTOR',
      ...(this.#agentId === undefined ? {} : { agent_id: { value: this.#agentId } }),
      executor_id: task.info.task_id,
      timestamp: this.options.clock.wallMs() / 1000,
      uuid: Buffer.from(this.options.dice.uuid().replaceAll('-', ''), 'hex').toString('base64'),
      container_status: {
        network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: '127.0.0.1' }] }],
      },
    };
    task.state = state;
    this.options.onTask?.(task.info, state);
    task.last = status;
    task.updates.push(status);
    this.#unacknowledged.add(task);
    if (task.updates.length > 1) return;
    task.retryMs = FIRST_RETRY_MS;
    this.#sendUpdate(task);
  }

  #sendUpdate(task: SimTask): void {
    const status = task.updates[0];
    task.retryAtMs = this.options.clock.monotonicMs() + task.retryMs;
    task.retryMs = Math.min(LAST_RETRY_MS, task.retryMs * 2);
    if (status && this.#isRegistered) this.#send({ type: 'UPDATE', frameworkId: task.frameworkId, status });
  }

  #acknowledged(frameworkId: string, taskId: string, uuid: string): void {
    const key = `${frameworkId} ${taskId}`;
    const task = this.#tasks.get(key);
    if (!task || task.updates[0]?.uuid !== uuid) return;
    const acknowledged = task.updates.shift();
    if (task.updates.length > 0) {
      task.retryMs = FIRST_RETRY_MS;
      this.#sendUpdate(task);
      return;
    }
    this.#unacknowledged.delete(task);
    if (acknowledged && isTerminalState(acknowledged.state)) this.#tasks.delete(key);
  }

  #watchRetries(): void {
    this.#ticker = this.options.clock.every(RETRY_TICK_MS, () => {
      const nowMs = this.options.clock.monotonicMs();
      for (const task of this.#unacknowledged) if (task.retryAtMs <= nowMs) this.#sendUpdate(task);
    });
  }

  #send(message: FromAgent): void {
    this.#line?.send(message);
  }
}
