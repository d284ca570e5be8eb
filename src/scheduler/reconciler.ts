import { isTerminalState } from '../embedded-mesos/protocol/task-status.js';
import type { Call, TaskStatus } from '../embedded-mesos/protocol/v1.js';
import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';
import { type Instance, isTerminal, type TaskId } from './instance.js';
import type { InstanceTracker } from './tracker.js';

/** Tasks named in one RECONCILE call. */
export const RECONCILE_CHUNK = 1_000;
export const FIRST_RETRY_MS = 250;
export const LONGEST_RETRY_MS = 30_000;
/** While agents are coming back it is worth asking more often: that is when the server knows least. */
export const LONGEST_RETRY_SETTLING_MS = 2_000;

type Tasks = Extract<Call, { type: 'RECONCILE' }>['reconcile']['tasks'];

/**
 * Finds out what became of the tasks (Mesos reference 1.9): after each subscription and now and then, implicitly (the master tells
 * of every task it knows) and explicitly by task and agent, again with growing pauses until each has been answered.
 *
 * INVARIANTS
 * - Silence means nothing: an unanswered task stays what it was, however long it takes.
 * - `settling` from a start with recovered tasks until all of them are answered or the agents' time to return is over.
 */
export class Reconciler {
  #awaited = new Set<TaskId>();
  readonly #recovered = new Set<TaskId>();
  #settleTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #sliceTimer: Timer | undefined;
  #periodic: Timer | undefined;
  #retryMs = FIRST_RETRY_MS;
  #connected = false;

  constructor(
    private readonly tracker: InstanceTracker,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly settings: { readonly reconcileIntervalMs: number; readonly settleMs: number },
    /** A launch whose ACCEPT has not left yet: the master cannot know it. */
    private readonly isUnsent: (taskId: TaskId) => boolean,
    private readonly send: (tasks: Tasks) => void,
    private readonly onSettled: () => void,
    /** A task of before our start was told of for the first time: its agent is back, and what was said to it meanwhile is lost. */
    private readonly onReturned: (taskId: TaskId) => void,
  ) {}

  /** With the tasks loaded from the store. */
  start(): void {
    for (const instance of this.tracker.all())
      if (this.#asks(instance)) this.#recovered.add(instance.task.id);
    this.#periodic = this.clock.every(this.settings.reconcileIntervalMs, () => {
      if (this.#connected) this.#begin();
    });
  }

  stop(): void {
    for (const timer of [this.#settleTimer, this.#retryTimer, this.#sliceTimer, this.#periodic])
      timer?.cancel();
    this.#connected = false;
  }

  get settling(): boolean {
    return this.#recovered.size > 0;
  }

  /** Tasks that have not been answered in this round. */
  get awaited(): number {
    return this.#awaited.size;
  }

  subscribed(): void {
    this.#connected = true;
    if (this.#recovered.size > 0 && !this.#settleTimer) {
      this.#settleTimer = this.clock.after(this.settings.settleMs, () => this.#settleByTime());
    }
    this.#begin();
  }

  disconnected(): void {
    this.#connected = false;
    this.#retryTimer?.cancel();
    this.#sliceTimer?.cancel();
  }

  /**
   * A status came. Returns false when it must not be believed yet: "unknown" while agents may still return is only another
   * word for silence, and the task is asked for again.
   */
  heard(status: TaskStatus): boolean {
    const taskId = status.task_id.value as TaskId;
    const recovered = this.#recovered.has(taskId);
    if (status.state === 'TASK_UNKNOWN' && recovered) return false;
    this.#answered(taskId);
    if (recovered && !isTerminalState(status.state)) this.onReturned(taskId);
    return true;
  }

  /** What is known of this one may be behind: it is asked for now, and again until it is answered. */
  askFor(instance: Instance): void {
    if (!this.#connected || !this.#asks(instance)) return;
    const waited = this.#awaited.size > 0;
    this.#awaited.add(instance.task.id);
    if (waited) {
      this.#name([instance.task.id]);
      return;
    }
    this.#retryTimer?.cancel();
    this.#retryMs = FIRST_RETRY_MS;
    this.#ask([instance.task.id]);
  }

  /** The task needs no answer any more. */
  gone(taskId: TaskId): void {
    this.#answered(taskId);
  }

  #answered(taskId: TaskId): void {
    this.#awaited.delete(taskId);
    if (this.#recovered.delete(taskId) && this.#recovered.size === 0) this.#settled();
  }

  #settleByTime(): void {
    this.log.warn(
      'agents did not account for all tasks in time; what the master says of these is believed from now on',
      {
        tasks: this.#recovered.size,
      },
    );
    this.#recovered.clear();
    this.#settled();
    if (this.#connected) this.#begin();
  }

  #settled(): void {
    this.#settleTimer?.cancel();
    this.#settleTimer = undefined;
    this.onSettled();
  }

  #asks(instance: Instance): instance is Instance & { task: NonNullable<Instance['task']> } {
    return instance.task !== undefined && !isTerminal(instance.condition) && !this.isUnsent(instance.task.id);
  }

  #begin(): void {
    this.#retryTimer?.cancel();
    this.#sliceTimer?.cancel();
    this.#awaited = new Set();
    for (const instance of this.tracker.all()) if (this.#asks(instance)) this.#awaited.add(instance.task.id);
    this.send([]);
    this.#retryMs = FIRST_RETRY_MS;
    this.#ask([...this.#awaited]);
  }

  /** Names the tasks in chunks, one chunk a turn. */
  #ask(taskIds: readonly TaskId[]): void {
    this.#name(taskIds.slice(0, RECONCILE_CHUNK));
    const rest = taskIds.slice(RECONCILE_CHUNK);
    if (rest.length > 0) {
      this.#sliceTimer = this.clock.after(0, () => this.#ask(rest));
      return;
    }
    if (this.#awaited.size === 0) return;
    this.#retryTimer = this.clock.after(this.#retryMs, () => {
      const longestMs = this.settling ? LONGEST_RETRY_SETTLING_MS : LONGEST_RETRY_MS;
      this.#retryMs = Math.min(longestMs, this.#retryMs * 2);
      this.#ask([...this.#awaited]);
    });
  }

  #name(taskIds: readonly TaskId[]): void {
    const chunk: { task_id: { value: string }; agent_id: { value: string } }[] = [];
    for (const taskId of taskIds) {
      if (!this.#awaited.has(taskId)) continue;
      const instance = this.tracker.byTask(taskId);
      if (instance?.task)
        chunk.push({ task_id: { value: taskId }, agent_id: { value: instance.task.agentId } });
      else this.#answered(taskId);
    }
    if (chunk.length > 0) this.send(chunk);
  }
}
