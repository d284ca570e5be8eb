import type { Clock, Timer } from '../../util/clock.js';
import type { TaskStatus } from '../protocol/v1.js';
import { retryAfterMs } from './decide/retry.js';

interface InFlight {
  readonly frameworkId: string;
  readonly status: TaskStatus;
  attempt: number;
  timer: Timer | undefined;
}

/**
 * Sends each task's first unacknowledged update, again and again until it is replaced or dropped. One at a time per task;
 * nothing while not registered, everything at once when registered again.
 */
export class StatusSender {
  #registered = false;
  readonly #inFlight = new Map<string, InFlight>();

  constructor(
    private readonly transmit: (frameworkId: string, status: TaskStatus) => void,
    private readonly clock: Clock,
  ) {}

  /** How many updates wait for their acknowledgement. */
  get pending(): number {
    return this.#inFlight.size;
  }

  /** Makes `status` the one to send for its task. */
  send(frameworkId: string, status: TaskStatus): void {
    this.drop(status.task_id.value);
    const update: InFlight = { frameworkId, status, attempt: 0, timer: undefined };
    this.#inFlight.set(status.task_id.value, update);
    this.#attempt(update);
  }

  /** Nothing more is to be sent for this task. */
  drop(taskId: string): void {
    this.#inFlight.get(taskId)?.timer?.cancel();
    this.#inFlight.delete(taskId);
  }

  registered(): void {
    this.#registered = true;
    for (const update of this.#inFlight.values()) {
      update.attempt = 0;
      this.#attempt(update);
    }
  }

  unregistered(): void {
    this.#registered = false;
    for (const update of this.#inFlight.values()) update.timer?.cancel();
  }

  #attempt(update: InFlight): void {
    update.timer?.cancel();
    if (!this.#registered) return;
    this.transmit(update.frameworkId, update.status);
    update.attempt++;
    update.timer = this.clock.after(retryAfterMs(update.attempt), () => this.#attempt(update));
  }

  stop(): void {
    this.unregistered();
    this.#inFlight.clear();
  }
}
