import type { Clock } from '../../util/clock.js';
import type { Event, FrameworkInfo, TaskStatus } from '../protocol/v1.js';
import type { Cluster, EventSink, FrameworkRecord, MasterTask } from './cluster.js';
import { MAX_COMPLETED_TASKS } from './cluster.js';
import { rolesOf, traitsOf } from './decide/framework-traits.js';
import { stateFor } from './decide/master-status.js';
import { Ring } from './ring.js';
import { TaskCounts } from './task-counts.js';

/** Makes frameworks and speaks to them. */
export class FrameworkBook {
  constructor(
    private readonly cluster: Cluster,
    private readonly clock: Clock,
  ) {}

  add(id: string, info: FrameworkInfo, suppressedRoles: readonly string[]): FrameworkRecord {
    const framework = newFramework(id, info, this.clock.wallMs());
    framework.suppressed = new Set(suppressedRoles);
    this.cluster.frameworks.set(id, framework);
    return framework;
  }

  /** The framework of a task that an agent brought along: made up until the framework subscribes itself. */
  recover(id: string): FrameworkRecord {
    const known = this.cluster.frameworks.get(id);
    if (known) return known;
    const framework = this.add(id, { user: '', name: '', id: { value: id } }, []);
    framework.recovered = true;
    framework.roles = [];
    return framework;
  }

  change(framework: FrameworkRecord, info: FrameworkInfo, suppressedRoles: readonly string[]): void {
    const kept = framework.recovered
      ? info
      : { ...info, user: framework.info.user, ...checkpointOf(framework.info) };
    framework.info = { ...kept, id: { value: framework.id } };
    framework.traits = traitsOf(info);
    framework.roles = rolesOf(info);
    framework.suppressed = new Set(suppressedRoles);
  }

  /** Tells the framework an agent's status of a task, in states it knows. False when nobody listens. */
  forward(framework: FrameworkRecord, task: MasterTask | undefined, status: TaskStatus): boolean {
    if (!framework.sink) {
      if (task) task.undelivered = status;
      return false;
    }
    const state = stateFor(status.state, framework.traits.partitionAware);
    const seen = state === status.state ? status : { ...status, state };
    if (task) {
      task.forwarded = seen;
      task.undelivered = undefined;
    }
    framework.sink.send({ type: 'UPDATE', update: { status: seen } });
    return true;
  }

  /** Sends what came while the framework was away; the agents would repeat it only later. */
  catchUp(framework: FrameworkRecord): void {
    for (const task of framework.tasks.values()) {
      if (task.undelivered) this.forward(framework, task, task.undelivered);
    }
  }

  /** Tells the framework what the master itself has to say of a task. */
  tell(framework: FrameworkRecord | undefined, status: TaskStatus): void {
    framework?.sink?.send({ type: 'UPDATE', update: { status } });
  }

  tellAll(event: Event): void {
    for (const { sink } of this.cluster.frameworks.values()) sink?.send(event);
  }

  bySink(sink: EventSink): FrameworkRecord | undefined {
    for (const framework of this.cluster.frameworks.values()) if (framework.sink === sink) return framework;
    return undefined;
  }
}

/** `user` and `checkpoint` never change after the first subscription (Mesos reference 1.6). */
function checkpointOf(info: FrameworkInfo): Pick<FrameworkInfo, 'checkpoint'> {
  return info.checkpoint === undefined ? {} : { checkpoint: info.checkpoint };
}

function newFramework(id: string, info: FrameworkInfo, nowMs: number): FrameworkRecord {
  return {
    id,
    info: { ...info, id: { value: id } },
    traits: traitsOf(info),
    roles: rolesOf(info),
    suppressed: new Set(),
    sink: undefined,
    recovered: false,
    registeredAtMs: nowMs,
    reregisteredAtMs: undefined,
    unregisteredAtMs: 0,
    tasks: new Map(),
    unreachableTasks: new Map(),
    completedTasks: new Ring(MAX_COMPLETED_TASKS),
    counts: new TaskCounts(),
    offerIds: new Set(),
    heartbeat: undefined,
    failover: undefined,
  };
}
