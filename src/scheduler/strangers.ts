import { type Call, isTerminalState, type TaskStatus } from '../embedded-mesos/protocol/v1.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import { unknownInstanceTerminated } from './decide/event-bodies.js';
import { type ParsedTaskId, parseTaskId } from './decide/ids.js';
import type { AgentId, Instance, InstanceId, TaskId } from './instance.js';
import type { Drainer } from './scheduler.js';
import type { InstanceTracker } from './tracker.js';

/** Strangers remembered so that each is not killed again with every one of its updates. */
export const MAX_STRANGERS = 10_000;

type KillCall = Extract<Call, { type: 'KILL' }>['kill'];

/**
 * Tasks that are no instance's current one: of a forgotten or replaced instance, or an older incarnation. They are killed; of their
 * end only the world outside is told (Marathon reference 4.3). Nothing needs to be durable: whoever it is would be a stranger
 * again after a restart.
 *
 * One whose instance was ours until its record could not be read any more is drained first: clients may be talking to it.
 */
export class Strangers {
  readonly #killedMs = new Map<string, number>();
  /** Instances whose records could not be read. */
  readonly #unreadable = new Set<string>();
  /** Their tasks, from the beginning of the drain to their end. */
  readonly #drains = new Map<string, { readonly abort: AbortController; over: boolean }>();
  #stopped = false;

  constructor(
    private readonly tracker: InstanceTracker,
    private readonly events: EventBus,
    private readonly drainer: Drainer,
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

  /** Its record is lost, its task may run on; known for as long as this process lives. */
  unreadable(instanceId: InstanceId): void {
    this.#unreadable.add(instanceId);
  }

  stop(): void {
    this.#stopped = true;
    for (const { abort } of this.#drains.values()) abort.abort();
    this.#drains.clear();
  }

  /** Another master may not have heard of the kills. */
  connected(): void {
    this.#killedMs.clear();
  }

  #ended(taskId: string, status: TaskStatus): void {
    this.#killedMs.delete(taskId);
    this.#drains.get(taskId)?.abort.abort();
    this.#drains.delete(taskId);
    const parsed = parseTaskId(taskId);
    // An older task of an instance that lives on is not an unknown instance.
    if (!parsed || this.tracker.get(parsed.instanceId)) return;
    this.events.publish(unknownInstanceTerminated(parsed, status));
  }

  #kill(taskId: string, status: TaskStatus): void {
    const parsed = parseTaskId(taskId);
    if (parsed && this.#unreadable.has(parsed.instanceId) && !this.#drains.get(taskId)?.over) {
      this.#drain(parsed, status);
      return;
    }
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
    this.#send(status);
  }

  #send(status: TaskStatus): void {
    this.kill({
      task_id: status.task_id,
      ...(status.agent_id === undefined ? {} : { agent_id: status.agent_id }),
    });
  }

  /** Lets clients finish, then it is a stranger like any other. */
  #drain(parsed: ParsedTaskId, status: TaskStatus): void {
    const taskId = status.task_id.value;
    if (this.#stopped || this.#drains.has(taskId)) return;
    const drain = { abort: new AbortController(), over: false };
    this.#drains.set(taskId, drain);
    this.log.warn('the task of an instance whose record cannot be read is drained, then killed', {
      task: taskId,
    });
    const done = (): void => {
      if (drain.abort.signal.aborted || this.#stopped) return;
      drain.over = true;
      this.heard(status);
    };
    this.drainer.drain(this.#shadow(parsed, status), drain.abort.signal).then(done, (error: unknown) => {
      this.log.error('draining failed; the task is killed without it', { task: taskId, error });
      done();
    });
  }

  /** What can still be said of an instance whose record is lost: enough to take it out of the load balancer. */
  #shadow({ appId, instanceId, incarnation }: ParsedTaskId, status: TaskStatus): Instance {
    const now = timestamp(this.clock.wallMs());
    return {
      id: instanceId,
      appId,
      goal: 'Decommissioned',
      condition: 'Running',
      since: now,
      runSpecVersion: now,
      launchHash: '',
      incarnation: incarnation ?? 0,
      role: '*',
      takingOut: { reason: 'unknown to the scheduler', since: now, phase: 'draining' },
      task: {
        id: status.task_id.value as TaskId,
        agentId: (status.agent_id?.value ?? '') as AgentId,
        hostname: '',
        attributes: {},
        hostPorts: [],
        ipAddresses: [],
        stagedAt: now,
        mesosState: status.state,
        runSpecVersion: now,
      },
    };
  }
}
