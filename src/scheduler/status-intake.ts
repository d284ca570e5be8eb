import type { Call, TaskStatus } from '../embedded-mesos/protocol/v1.js';
import { keys } from '../store/state-store.js';
import { parseTaskId } from './decide/ids.js';
import type { TaskId } from './instance.js';
import type { InstanceLife } from './instance-life.js';
import type { Journal } from './journal.js';
import type { Reconciler } from './reconciler.js';
import type { SchedulerMetrics } from './scheduler-settings.js';
import type { Strangers } from './strangers.js';
import type { InstanceTracker } from './tracker.js';

type Acknowledge = Extract<Call, { type: 'ACKNOWLEDGE' }>['acknowledge'];

/**
 * Takes task statuses in.
 *
 * INVARIANTS
 * - A status is acknowledged only when what it led to is durable, repetitions included.
 * - What cannot be taken in (too much waits for the store) is not acknowledged; its agent says it again.
 */
export class StatusIntake {
  constructor(
    private readonly tracker: InstanceTracker,
    private readonly life: InstanceLife,
    private readonly journal: Journal,
    private readonly reconciler: Reconciler,
    private readonly strangers: Strangers,
    private readonly metrics: SchedulerMetrics,
    private readonly send: (acknowledge: Acknowledge) => void,
  ) {}

  heard(status: TaskStatus): void {
    if (status.uuid !== undefined && this.journal.saturated) return;
    const acknowledge = this.#acknowledgement(status);
    if (!this.reconciler.heard(status)) {
      acknowledge?.();
      return;
    }
    this.metrics.count(`mesos.task-updates.${status.state.toLowerCase().replaceAll('_', '-')}.counter`);
    if (status.reason === 'REASON_CONTAINER_LIMITATION_MEMORY')
      this.metrics.count('mesos.task.oom.memory-limit-exceeded');
    const instance = this.tracker.byTask(status.task_id.value as TaskId);
    if (instance) {
      this.life.happen(instance.id, { kind: 'update', status }, acknowledge);
      return;
    }
    this.strangers.heard(status);
    if (!acknowledge) return;
    const parsed = parseTaskId(status.task_id.value);
    if (parsed) this.journal.afterKey(keys.instance(parsed.instanceId), acknowledge);
    else acknowledge();
  }

  /** Only updates with a uuid are acknowledged, the uuid copied as it is (Mesos reference 1.8). */
  #acknowledgement(status: TaskStatus): (() => void) | undefined {
    const { uuid, agent_id: agentId, task_id: taskId } = status;
    if (uuid === undefined || agentId === undefined) return undefined;
    return () => this.send({ agent_id: agentId, task_id: taskId, uuid });
  }
}
