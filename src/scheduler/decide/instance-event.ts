import type { AppRecord } from '../../apps/app.js';
import type { TaskStatus } from '../../embedded-mesos/protocol/v1.js';
import type { Timestamp } from '../../util/timestamp.js';
import type {
  Condition,
  Instance,
  InstanceHealth,
  InstanceId,
  InstanceTask,
  StopOrigin,
  StopReason,
  TaskId,
} from '../instance.js';
import type { TaskEnd, TaskFailure } from '../scheduler.js';

/** Everything that can happen to one instance. */
export type InstanceEvent =
  /** Put on an offer; from the app's definition as it is now. */
  | { readonly kind: 'launched'; readonly task: InstanceTask; readonly record: AppRecord }
  /** A status of its current task. */
  | { readonly kind: 'update'; readonly status: TaskStatus }
  | {
      readonly kind: 'take-out';
      readonly reason: StopReason;
      /** Forget it once it is gone; otherwise it is launched again. */
      readonly decommission: boolean;
      /** Skip the drain. */
      readonly immediate: boolean;
      /** Health kill: what the last failure of the app shall say. */
      readonly failure?: string;
      readonly by?: StopOrigin;
    }
  | { readonly kind: 'drained'; readonly taskId: TaskId }
  /** Unreachable for inactiveAfterSeconds. */
  | { readonly kind: 'inactive' }
  /** Unreachable for expungeAfterSeconds. */
  | { readonly kind: 'expunge' }
  | { readonly kind: 'health'; readonly health: InstanceHealth };

/** What the shell must do after a step; the step's new state is in the result. */
export type Effect =
  /** instance_changed_event with this condition (Marathon reference 8). */
  | { readonly kind: 'publish-condition'; readonly instance: Instance; readonly condition: Condition }
  /** status_update_event. */
  | { readonly kind: 'publish-status'; readonly instance: Instance; readonly status: TaskStatus }
  | { readonly kind: 'record-failure'; readonly failure: TaskFailure }
  /** Its task is over: remembered in the batch of the step. */
  | { readonly kind: 'ended'; readonly end: TaskEnd }
  | { readonly kind: 'backoff'; readonly what: 'failure' | 'progress' | 'forget' }
  /** Both an instance and the one started in its place are alive: one of them must go. */
  | { readonly kind: 'surplus'; readonly pair: readonly InstanceId[] }
  /** Begin or go on taking out as the instance's `takingOut` says. Leaves only when the step is durable. */
  | { readonly kind: 'take-out'; readonly instanceId: InstanceId };

export interface StepContext {
  readonly now: Timestamp;
  /** The app's current definition; undefined when it was deleted. */
  readonly record: AppRecord | undefined;
  /** The definition is there but cannot be read: nothing is given up for want of it. */
  readonly setAside?: boolean;
  /** A fresh id, for the event that needs a replacement. */
  readonly replacementId: InstanceId;
}

/** `instance` undefined: forgotten. The very same object: nothing changed. */
export interface StepResult {
  readonly instance: Instance | undefined;
  /** A new instance started in its place. */
  readonly created?: Instance;
  readonly effects: readonly Effect[];
}
