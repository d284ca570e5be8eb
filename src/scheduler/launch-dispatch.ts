import type { Call, TaskStatus } from '../embedded-mesos/protocol/v1.js';
import type { Log } from '../logging/log.js';
import type { HeldOffer, HeldTask } from './held-offer.js';
import type { TaskId } from './instance.js';
import type { InstanceLife } from './instance-life.js';
import type { EffectGroup, Journal } from './journal.js';
import type { LaunchQueue } from './launch-queue.js';
import type { OfferDemand } from './offer-demand.js';
import type { CompleteSettings, SchedulerMetrics } from './scheduler-settings.js';
import type { InstanceTracker } from './tracker.js';

type Accept = Extract<Call, { type: 'ACCEPT' }>['accept'];

export interface DispatchParts {
  readonly tracker: InstanceTracker;
  readonly life: InstanceLife;
  readonly journal: Journal;
  readonly queue: LaunchQueue;
  readonly demand: OfferDemand;
  readonly log: Log;
  readonly metrics: SchedulerMetrics;
  readonly settings: CompleteSettings;
  readonly accept: (accept: Accept) => void;
}

/**
 * The way of a used offer from the decision to its ACCEPT.
 *
 * INVARIANTS
 * - An ACCEPT leaves only when every launch in it is durable, and only with launches that are still wanted.
 * - An offer is used for one ACCEPT at most, never after it was rescinded or the subscription was lost. Launches that then
 *   certainly did not leave are undone on the spot.
 */
export class LaunchDispatch {
  readonly #leaving = new Map<string, HeldOffer>();
  readonly #unsent = new Set<TaskId>();
  #generation = 0;

  constructor(private readonly parts: DispatchParts) {}

  /** The group that gathers the launches of an offer. */
  open(held: HeldOffer): EffectGroup {
    const generation = this.#generation;
    return this.parts.journal.group(() => this.#accept(held, generation));
  }

  put(held: HeldOffer, task: HeldTask): void {
    held.tasks.push(task);
    this.#unsent.add(task.taskId);
  }

  /** Nothing more is put on the offer: its ACCEPT follows when all is durable. `hungry`: what is left of it is of use at once. */
  leave(held: HeldOffer, hungry: boolean): void {
    held.hungry = hungry;
    this.#leaving.set(held.offer.id.value, held);
    held.group?.close();
  }

  rescind(offerId: string): void {
    const held = this.#leaving.get(offerId);
    if (held) held.rescinded = true;
  }

  /** The subscription is lost, and with it every offer. */
  drop(): void {
    this.#generation += 1;
  }

  isUnsent(taskId: TaskId): boolean {
    return this.#unsent.has(taskId);
  }

  #accept(held: HeldOffer, generation: number): void {
    const { demand, queue, settings, metrics } = this.parts;
    this.#leaving.delete(held.offer.id.value);
    for (const task of held.tasks) this.#unsent.delete(task.taskId);
    if (generation !== this.#generation || held.rescinded) {
      this.#undo(held.tasks, 'TASK_DROPPED', 'The offer was gone before the launch could leave');
      return;
    }
    const wanted = held.tasks.filter((task) => this.#isWanted(task));
    if (wanted.length === 0) {
      demand.decline([held.offer.id.value], 0);
    } else {
      // What came to wait while the launches became durable wants the rest of this offer, and nobody revives for it again.
      const refuseSeconds = held.hungry || queue.hasLaunchable ? 0 : settings.refuseSeconds;
      demand.filtered(refuseSeconds);
      metrics.count('tasks.launched.counter', wanted.length);
      metrics.count('mesos.offers.used.counter');
      metrics.count('mesos.offer-operations.launch.counter');
      this.parts.accept({
        offer_ids: [held.offer.id],
        operations: [{ type: 'LAUNCH', launch: { task_infos: wanted.map((task) => task.info) } }],
        filters: { refuse_seconds: refuseSeconds },
      });
    }
    if (wanted.length === held.tasks.length) return;
    const unwanted = held.tasks.filter((task) => !wanted.includes(task));
    this.#undo(unwanted, 'TASK_KILLED', 'Killed before its launch left');
  }

  #isWanted(task: HeldTask): boolean {
    const instance = this.parts.tracker.get(task.instanceId);
    return (
      instance?.task?.id === task.taskId &&
      instance.condition === 'Provisioned' &&
      instance.takingOut === undefined
    );
  }

  /** Their instances wait again (or are forgotten), without waiting for anybody's word. */
  #undo(tasks: readonly HeldTask[], state: TaskStatus['state'], message: string): void {
    for (const { instanceId, taskId } of tasks) {
      if (this.parts.tracker.get(instanceId)?.task?.id !== taskId) continue;
      const status: TaskStatus = {
        task_id: { value: taskId },
        state,
        message,
        reason: 'REASON_INVALID_OFFERS',
      };
      this.parts.life.happen(instanceId, { kind: 'update', status });
    }
    this.parts.log.info('launches undone before they left', { tasks: tasks.length, why: message });
  }
}
