import type { AppRecord } from '../apps/app.js';
import type { ReadinessResult } from '../deployments/deployment.js';
import type { Instance, InstanceHealth, InstanceTask } from '../scheduler/instance.js';
import type { WantedProbe } from './decide/targets.js';

/** A probe that the prober has been told of. */
export interface ActiveProbe extends WantedProbe {
  /** When the last failure counted, monotonic. */
  lastFailureMs?: number;
}

/** A running task and what is known about it. `health` is the truth; the scheduler keeps a copy that it makes durable. */
export interface TrackedTask {
  instance: Instance;
  readonly task: InstanceTask;
  /** The definition that the task was launched from, with later in-place changes; undefined while it is looked up. */
  record: AppRecord | undefined;
  health: InstanceHealth;
  /** Monotonic time at which the task had just become Running. */
  readonly runningSinceMs: number;
  readonly probes: Map<string, ActiveProbe>;
  readiness: ReadinessResult | undefined;
  /** When the scheduler was told last, monotonic. */
  reportedMs: number;
  gaveUp: boolean;
}
