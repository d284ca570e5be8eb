import { type Call, isTerminalState, type TaskStatus } from '../embedded-mesos/protocol/v1.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { unknownInstanceTerminated } from './decide/event-bodies.js';
import { parseTaskId } from './decide/ids.js';
import type { InstanceTracker } from './tracker.js';

/** Strangers remembered so that each is not killed again with every one of its updates. */
export const MAX_STRANGERS = 10_000;

type KillCall = Extract<Call, { type: 'KILL' }>['kill'];

/**
 * Tasks that are no instance's current one: of a forgotten or replaced instance, or an older incarnation. They are killed; of their
 * end only the world outside is told (Marathon reference 4.3). Nothing needs to be durable: whoever it is would be a stranger
 * again after a restart.
 */
export class Strangers {
  readonly #killedMs = new Map<string, number>();

  constructor(
    private readonly tracker: InstanceTracker,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly killRetryMs: number,
    private readonly kill: (kill: KillCall) => void,
  ) {}

  heard(status: TaskStatus): void {
    const taskId = status.task_id.value;
    if (
      status.state === 'TASK_UNREACHABLE' ||
      status.state === 'TASK_UNKNOWN' ||
      isTerminalState(status.state)
    ) {
      this.#ended(taskId, status);
    } else {
      this.#kill(taskId, status);
    }
  }

  /** Another master may not have heard of the kills. */
  connected(): void {
    this.#killedMs.clear();
  }

  #ended(taskId: string, status: TaskStatus): void {
    this.#killedMs.delete(taskId);
    const parsed = parseTaskId(taskId);
    // An older task of an instance that lives on is not an unknown instance.
    if (!parsed || this.tracker.get(parsed.instanceId)) return;
    this.events.publish(unknownInstanceTerminated(parsed, status));
  }

  #kill(taskId: string, status: TaskStatus): void {
    const nowMs = this.clock.monotonicMs();
    const lastMs = this.#killedMs.get(taskId);
    if (lastMs !== undefined && nowMs - lastMs < this.killRetryMs) return;
    this.#killedMs.delete(taskId);
    this.#killedMs.set(taskId, nowMs);
    if (this.#killedMs.size > MAX_STRANGERS) {
      const [oldest] = this.#killedMs.keys();
      if (oldest !== undefined) this.#killedMs.delete(oldest);
    }
    this.log.warn('a task that no instance knows is killed', { task: taskId, state: status.state });
    this.kill({
      task_id: { value: taskId },
      ...(status.agent_id === undefined ? {} : { agent_id: status.agent_id }),
    });
  }
}
