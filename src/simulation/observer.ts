import type { App, AppId, AppRecord } from '../apps/app.js';
import type { ToAgent } from '../embedded-mesos/protocol/agent-line.js';
import type { Call, Event, SchedulerDriver, TaskInfo, TaskState } from '../embedded-mesos/protocol/v1.js';
import { isTerminalState } from '../embedded-mesos/protocol/v1.js';
import type { PublishedEvent } from '../events/event-bus.js';
import { parseTaskId } from '../scheduler/decide/ids.js';
import type { Instance, InstanceId, TaskId } from '../scheduler/instance.js';
import type { InstanceChange, InstanceReadModel } from '../scheduler/scheduler.js';
import { keys } from '../store/state-store.js';
import { capacityOf, isGood, isKnownAway, occupiesPlace } from './expectations.js';
import type { Fact } from './facts.js';
import { overuse, portsOf, type Totals, totals } from './placement.js';
import type { RecordingDisk } from './recording-disk.js';
import type { SimProxy } from './sim-proxy.js';

/** A fact without its time. */
export type Happening = Fact extends infer F ? (F extends Fact ? Omit<F, 'atMs'> : never) : never;

export interface ObserverOptions {
  readonly disk: RecordingDisk;
  readonly record: (happening: Happening) => void;
  /** Now, in the world's monotonic time. */
  readonly nowMs: () => number;
  /** Proxies that the server had to wait for: ever since that moment no lease passed between two words of theirs. */
  readonly waitedFor: (sinceMs: number) => readonly SimProxy[];
}

/** One live process of the simulated world. */
export interface LiveTask {
  readonly info: TaskInfo;
  readonly agent: string;
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  /** In the world's monotonic time; undefined while it starts. */
  readonly runningSinceMs: number | undefined;
}

/** From a decision until it is durable and seen. */
const DECISION_MS = 10;

/** Watches what passes between the server and its world, and writes it down as facts; judges nothing. */
export class Observer {
  /** Ground truth: every process that lives, by task id. */
  readonly live = new Map<TaskId, LiveTask>();
  readonly #totals = new Map<string, Totals>();
  readonly #takenOutAtMs = new Map<TaskId, number>();
  /** The definition in force, the one before it, and since when. */
  readonly #definitions = new Map<
    string,
    { readonly app: App | undefined; readonly former: App | undefined; readonly sinceMs: number }
  >();

  constructor(private readonly options: ObserverOptions) {}

  agentHas(agent: string, resources: Totals): void {
    this.#totals.set(agent, resources);
  }

  /** What really happens to a process on an agent. */
  task(agent: string, info: TaskInfo, state: TaskState): void {
    const taskId = info.task_id.value as TaskId;
    const parsed = parseTaskId(taskId);
    if (!parsed) return;
    const { instanceId, appId } = parsed;
    this.options.record({ kind: 'task', agent, taskId, instanceId, state });
    if (isTerminalState(state)) this.live.delete(taskId);
    else {
      const runningSinceMs = state === 'TASK_RUNNING' ? this.options.nowMs() : undefined;
      this.live.set(taskId, { info, agent, instanceId, appId, runningSinceMs });
    }
    if (state === 'TASK_STAGING') this.#placed(agent);
  }

  /** The process that listens on a host port; agents of one world share no ports. */
  byPort(port: number): LiveTask | undefined {
    for (const task of this.live.values()) if (portsOf(task.info).includes(port)) return task;
    return undefined;
  }

  sentToAgent(agent: string, message: ToAgent): void {
    if (message.type === 'RUN_TASKS') for (const info of message.tasks) this.#launchSent(agent, info);
    if (message.type === 'KILL_TASK') this.#killSent(agent, message.taskId as TaskId);
  }

  instanceChanged(
    change: InstanceChange,
    instances: InstanceReadModel,
    apps: (id: AppId) => AppRecord | undefined,
  ): void {
    const { before, after } = change;
    if (!before && after) this.#added(after, instances, apps(after.appId)?.app);
    const goesNow =
      before !== undefined &&
      !before.takingOut &&
      before.goal === 'Running' &&
      (after?.takingOut || (!after && !isKnownAway(before)));
    if (goesNow) this.#takenOut(before, after, instances, apps(before.appId)?.app);
  }

  event(epoch: number, { eventType, json }: PublishedEvent): void {
    if (eventType !== 'deployment_success' && eventType !== 'deployment_failed') return;
    const { id } = JSON.parse(json) as { readonly id: string };
    this.options.record({ kind: 'deployment ended', id, well: eventType === 'deployment_success', epoch });
  }

  durable(key: string, value: unknown): void {
    const ofApp = keys.app('');
    if (key.startsWith(ofApp)) {
      const id = key.slice(ofApp.length);
      const app = (value as { readonly record: AppRecord } | undefined)?.record.app;
      this.#definitions.set(id, {
        app,
        former: this.#definitions.get(id)?.app,
        sinceMs: this.options.nowMs(),
      });
      return;
    }
    const prefix = keys.deployment('');
    if (!key.startsWith(prefix)) return;
    const step = (value as { readonly currentStep: number } | undefined)?.currentStep;
    this.options.record({ kind: 'deployment stored', id: key.slice(prefix.length), step });
  }

  /** Between scheduler and master: every offer and what becomes of it. */
  driver(inner: SchedulerDriver): SchedulerDriver {
    return {
      start: ({ onEvent, onDisconnected }) =>
        inner.start({
          onEvent: (event) => {
            this.#eventHeard(event);
            onEvent(event);
          },
          onDisconnected,
        }),
      call: (call) => {
        this.#called(call);
        inner.call(call);
      },
      stop: () => inner.stop(),
    };
  }

  #eventHeard(event: Event): void {
    const { record } = this.options;
    if (event.type === 'OFFERS') {
      for (const { id } of event.offers.offers) record({ kind: 'offer', offerId: id.value, what: 'offered' });
    } else if (event.type === 'RESCIND') {
      record({ kind: 'offer', offerId: event.rescind.offer_id.value, what: 'rescinded' });
    }
  }

  #called(call: Call): void {
    const { record } = this.options;
    if (call.type === 'ACCEPT') {
      for (const { value } of call.accept.offer_ids)
        record({ kind: 'offer', offerId: value, what: 'accepted' });
    } else if (call.type === 'DECLINE') {
      for (const { value } of call.decline.offer_ids)
        record({ kind: 'offer', offerId: value, what: 'declined' });
    }
  }

  #stored(taskId: TaskId): Instance | undefined {
    const instanceId = parseTaskId(taskId)?.instanceId;
    return instanceId && (this.options.disk.read(keys.instance(instanceId)) as Instance | undefined);
  }

  #launchSent(agent: string, info: TaskInfo): void {
    const taskId = info.task_id.value as TaskId;
    this.options.record({
      kind: 'launch sent',
      agent,
      taskId,
      durable: this.#stored(taskId)?.task?.id === taskId,
    });
  }

  #killSent(agent: string, taskId: TaskId): void {
    const stored = this.#stored(taskId);
    const isKnown = stored?.task?.id === taskId;
    const proxies = this.options.waitedFor(this.#takenOutAtMs.get(taskId) ?? this.options.nowMs());
    const unrouted = proxies.map((proxy) => proxy.unroutedForMs(taskId)).filter((ms) => ms !== undefined);
    const app =
      stored &&
      (this.options.disk.read(keys.app(stored.appId)) as { readonly record: AppRecord } | undefined)?.record
        .app;
    this.options.record({
      kind: 'kill sent',
      agent,
      taskId,
      durable: !isKnown || stored.takingOut?.phase === 'killing',
      immediate: !isKnown || stored.takingOut?.immediate === true,
      routedBy: proxies.filter((proxy) => proxy.routes(taskId)).map(({ id }) => id),
      inFlight: proxies.reduce((sum, proxy) => sum + proxy.inFlight(taskId), 0),
      unroutedForMs: unrouted.length === 0 ? undefined : Math.min(...unrouted),
      drainLimitMs: drainLimitMs(app),
    });
  }

  #placed(agent: string): void {
    const tasks = [...this.live.values()].filter((task) => task.agent === agent).map(({ info }) => info);
    const over = overuse(tasks, this.#totals.get(agent) ?? totals([]));
    const ports = tasks.flatMap(portsOf);
    const sharedPorts = ports.filter((port, index) => ports.indexOf(port) !== index);
    this.options.record({ kind: 'placed', agent, over, sharedPorts });
  }

  #added({ id, appId }: Instance, instances: InstanceReadModel, app: App | undefined): void {
    const occupied = instances.ofApp(appId).filter(occupiesPlace).length;
    const allowed = Math.max(0, ...this.#inForce(appId, app).map((definition) => capacityOf(definition).max));
    this.options.record({ kind: 'added', appId, instanceId: id, occupied, allowed });
  }

  #takenOut(
    before: Instance,
    after: Instance | undefined,
    instances: InstanceReadModel,
    app: App | undefined,
  ): void {
    const { appId, id, task } = before;
    if (task) this.#takenOutAtMs.set(task.id, this.options.nowMs());
    const goodLeft = instances.ofApp(appId).filter((instance) => app && isGood(instance, app)).length;
    this.options.record({
      kind: 'taken out',
      appId,
      instanceId: id,
      reason: after?.takingOut?.reason ?? 'never launched',
      wasGood: app !== undefined && isGood(before, app),
      goodLeft,
      needed: app
        ? Math.min(...this.#inForce(appId, app).map((definition) => capacityOf(definition).min))
        : 0,
    });
  }

  /** What a decision that becomes durable now may have been based on: also the definition that was in force when it was made. */
  #inForce(appId: AppId, app: App | undefined): readonly App[] {
    const { former, sinceMs = 0 } = this.#definitions.get(appId) ?? {};
    const isFresh = this.options.nowMs() - sinceMs <= DECISION_MS;
    return [app, isFresh ? former : undefined].filter((definition) => definition !== undefined);
  }
}

function drainLimitMs(app: App | undefined): number {
  if (app?.loadBalancer?.drainSeconds !== undefined) return app.loadBalancer.drainSeconds * 1_000;
  return app?.healthChecks.some(({ protocol }) => protocol === 'HTTP') ? 30_000 : 10_000;
}
