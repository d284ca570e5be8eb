import type { Call } from '../embedded-mesos/protocol/v1.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import type { Deadlines } from './deadlines.js';
import { killPolicy } from './decide/task-info.js';
import type { InstanceId, TaskId } from './instance.js';
import type { AppSource, Drainer, InstanceChange } from './scheduler.js';
import type { InstanceTracker } from './tracker.js';

export interface TakingOutLimits {
  readonly killRetryMs: number;
  readonly maxKillsInFlight: number;
}

type KillCall = Extract<Call, { type: 'KILL' }>['kill'];

/**
 * Takes instances out of service as their durable `takingOut` says: drain (every proxy lets go, requests in flight end), then
 * kill, again every `killRetryMs` until the task's end is known.
 *
 * INVARIANTS
 * - It acts only on a `takingOut` that is durable.
 * - At most `maxKillsInFlight` kills are unanswered; one whose answer does not come gives its place up at its retry, so a dead
 *   agent cannot hold up the others.
 */
export class TakingOutService {
  readonly #draining = new Map<InstanceId, { readonly taskId: TaskId; readonly abort: AbortController }>();
  /** Waiting for a place among the kills in flight, in order. */
  readonly #queue = new Set<InstanceId>();
  readonly #inFlight = new Set<InstanceId>();
  #connected = false;
  #stopped = false;

  constructor(
    private readonly tracker: InstanceTracker,
    private readonly drainer: Drainer,
    private readonly apps: AppSource,
    private readonly deadlines: Deadlines,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly limits: TakingOutLimits,
    private readonly send: (kill: KillCall) => void,
    private readonly onDrained: (id: InstanceId, taskId: TaskId) => void,
  ) {}

  /** Begins, or goes on, with an instance whose `takingOut` is durable. */
  takeOut(id: InstanceId): void {
    const instance = this.tracker.get(id);
    if (this.#stopped || !instance?.takingOut || !instance.task) return;
    if (instance.takingOut.phase === 'draining') {
      this.#drain(id);
      return;
    }
    this.#draining.get(id)?.abort.abort();
    this.#draining.delete(id);
    this.#inFlight.delete(id);
    this.#queue.add(id);
    this.#pump();
  }

  /** To be called with every change: who is gone, or got a new task, needs nothing more. */
  change({ before, after }: InstanceChange): void {
    if (!before?.takingOut) return;
    if (after?.takingOut && after.task?.id === before.task?.id) return;
    this.#draining.get(before.id)?.abort.abort();
    this.#draining.delete(before.id);
    this.#queue.delete(before.id);
    this.deadlines.clear(`kill:${before.id}`);
    if (this.#inFlight.delete(before.id)) this.#pump();
  }

  /** Kills said to a lost master may be lost: all of them are said again. */
  connected(): void {
    this.#connected = true;
    for (const id of this.#inFlight) this.#queue.add(id);
    this.#inFlight.clear();
    this.#pump();
  }

  disconnected(): void {
    this.#connected = false;
  }

  stop(): void {
    this.#stopped = true;
    for (const { abort } of this.#draining.values()) abort.abort();
    this.#draining.clear();
    this.#queue.clear();
  }

  get killsInFlight(): number {
    return this.#inFlight.size;
  }

  #drain(id: InstanceId): void {
    const instance = this.tracker.get(id);
    const taskId = instance?.task?.id;
    if (!instance || taskId === undefined || this.#draining.get(id)?.taskId === taskId) return;
    const abort = new AbortController();
    this.#draining.set(id, { taskId, abort });
    const startedMs = this.clock.monotonicMs();
    const done = (): void => {
      if (abort.signal.aborted || this.#stopped) return;
      this.#draining.delete(id);
      this.onDrained(id, taskId);
    };
    this.drainer.drain(instance, abort.signal).then(
      ({ inFlight, waitedMs }) => {
        if (inFlight > 0)
          this.log.warn('drain limit passed with requests in flight', { task: taskId, inFlight, waitedMs });
        done();
      },
      (error: unknown) => {
        const waitedMs = this.clock.monotonicMs() - startedMs;
        this.log.error('draining failed; the task is killed without it', { task: taskId, waitedMs, error });
        done();
      },
    );
  }

  #pump(): void {
    if (!this.#connected || this.#stopped) return;
    for (const id of this.#queue) {
      if (this.#inFlight.size >= this.limits.maxKillsInFlight) return;
      this.#queue.delete(id);
      this.#kill(id);
    }
  }

  #kill(id: InstanceId): void {
    const instance = this.tracker.get(id);
    if (!instance?.task || instance.takingOut?.phase !== 'killing') return;
    this.#inFlight.add(id);
    const app = this.apps.get(instance.appId)?.app;
    const policy = app && killPolicy(app);
    this.send({
      task_id: { value: instance.task.id },
      agent_id: { value: instance.task.agentId },
      ...(policy === undefined ? {} : { kill_policy: policy }),
    });
    this.deadlines.set(`kill:${id}`, this.limits.killRetryMs, () => this.takeOut(id));
  }
}
