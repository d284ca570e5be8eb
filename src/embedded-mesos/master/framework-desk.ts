import type { Call, FrameworkInfo, MasterInfo } from '../protocol/v1.js';
import type { EventSink, FrameworkRecord } from './cluster.js';
import { rolesOf } from './decide/framework-traits.js';
import { frameworkFault } from './decide/validate-framework.js';
import type { MasterParts } from './parts.js';
import type { TaskDesk } from './task-desk.js';

export const HEARTBEAT_SECONDS = 15;
/** Timers do not go further than this at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type Subscribe = Extract<Call, { type: 'SUBSCRIBE' }>;
type UpdateFramework = Extract<Call, { type: 'UPDATE_FRAMEWORK' }>['update_framework'];

/** Frameworks come and go: subscribe, fail over, disconnect, tear down (Mesos reference 1.6). */
export class FrameworkDesk {
  #nextNumber = 0;

  constructor(
    private readonly parts: MasterParts,
    private readonly tasks: TaskDesk,
    private readonly masterInfo: () => MasterInfo,
  ) {}

  subscribe(sink: EventSink, call: Subscribe): void {
    const info = call.subscribe.framework_info;
    const suppressed = call.subscribe.suppressed_roles ?? [];
    const fault = this.#fault(call);
    if (fault) {
      this.parts.log.warn('a subscription was refused', { framework: info.name, reason: fault });
      sink.send({ type: 'ERROR', error: { message: fault } });
      sink.close();
      return;
    }
    const before = this.parts.frameworks.bySink(sink);
    const id = info.id?.value ?? this.#newId();
    if (before && before.id !== id) this.disconnected(sink);
    const known = this.parts.cluster.frameworks.get(id);
    const framework = known ?? this.parts.frameworks.add(id, info, suppressed);
    this.parts.counters.add(
      known ? 'master/messages_reregister_framework' : 'master/messages_register_framework',
    );
    if (known) this.#failOver(known, sink, info, suppressed);
    this.#connect(framework, sink);
  }

  /** The scheduler's line broke: its offers are void, its tasks run on until the failover timeout. */
  disconnected(sink: EventSink): void {
    const framework = this.parts.frameworks.bySink(sink);
    if (!framework) return;
    framework.sink = undefined;
    framework.heartbeat?.cancel();
    this.parts.offers.withdraw(framework, false);
    this.parts.allocator.clearFilters(framework.id);
    this.parts.log.info('a framework disconnected', { frameworkId: framework.id });
    this.#armFailover(framework, (framework.info.failover_timeout ?? 0) * 1000);
  }

  /** Removes the framework: its tasks are killed, its id can never come back. */
  teardown(framework: FrameworkRecord): void {
    const { cluster, allocator, offers, tasks, clock, log } = this.parts;
    framework.failover?.cancel();
    framework.heartbeat?.cancel();
    offers.withdraw(framework, false);
    const sink = framework.sink;
    framework.sink = undefined;
    framework.unregisteredAtMs = clock.wallMs();
    cluster.frameworks.delete(framework.id);
    cluster.completedFrameworks.push(framework);
    for (const task of [...framework.tasks.values()]) {
      if (task.isTerminal) tasks.complete(task);
      else this.tasks.killTask(task, undefined);
    }
    allocator.forgetFramework(framework.id);
    log.info('a framework was removed', { frameworkId: framework.id, name: framework.info.name });
    sink?.close();
  }

  update(framework: FrameworkRecord, update: UpdateFramework): void {
    const { framework_info: info, suppressed_roles: suppressed = [] } = update;
    const fault = frameworkFault(info, suppressed) ?? immutableFault(framework, info);
    if (fault || info.id?.value !== framework.id) {
      this.parts.log.warn('UPDATE_FRAMEWORK was refused', {
        frameworkId: framework.id,
        reason: fault ?? 'another framework id',
      });
      return;
    }
    const roles = new Set(rolesOf(info));
    const revived = new Set([...framework.suppressed].filter((role) => !suppressed.includes(role)));
    this.parts.offers.withdraw(framework, true, ({ role }) => !roles.has(role));
    this.parts.frameworks.change(framework, info, suppressed);
    this.parts.allocator.clearFilters(framework.id, revived);
    this.parts.allocator.wanted();
  }

  stop(): void {
    for (const framework of this.parts.cluster.frameworks.values()) {
      framework.heartbeat?.cancel();
      framework.failover?.cancel();
    }
  }

  #fault(call: Subscribe): string | undefined {
    const info = call.subscribe.framework_info;
    if (call.framework_id?.value !== info.id?.value)
      return "'framework_id' differs from 'subscribe.framework_info.id'";
    const fault = frameworkFault(info, call.subscribe.suppressed_roles);
    if (fault || !info.id) return fault;
    if (this.parts.cluster.isCompletedFramework(info.id.value)) return 'Framework has been removed';
    const known = this.parts.cluster.frameworks.get(info.id.value);
    return known && !known.recovered && known.info.principal !== info.principal
      ? "Changing framework's principal is not allowed."
      : undefined;
  }

  #newId(): string {
    return `${this.parts.masterId}-${String(this.#nextNumber++).padStart(4, '0')}`;
  }

  #failOver(
    framework: FrameworkRecord,
    sink: EventSink,
    info: FrameworkInfo,
    suppressed: readonly string[],
  ): void {
    const old = framework.sink;
    this.parts.offers.withdraw(framework, false);
    this.parts.allocator.clearFilters(framework.id);
    this.parts.frameworks.change(framework, info, suppressed);
    framework.recovered = false;
    framework.reregisteredAtMs = this.parts.clock.wallMs();
    framework.sink = undefined;
    if (!old || old === sink) return;
    old.send({ type: 'ERROR', error: { message: 'Framework failed over' } });
    old.close();
  }

  #connect(framework: FrameworkRecord, sink: EventSink): void {
    framework.failover?.cancel();
    framework.heartbeat?.cancel();
    framework.sink = sink;
    sink.send({
      type: 'SUBSCRIBED',
      subscribed: {
        framework_id: { value: framework.id },
        heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        master_info: this.masterInfo(),
      },
    });
    sink.send({ type: 'HEARTBEAT' });
    framework.heartbeat = this.parts.clock.every(HEARTBEAT_SECONDS * 1000, () =>
      framework.sink?.send({ type: 'HEARTBEAT' }),
    );
    this.parts.log.info('a framework subscribed', {
      frameworkId: framework.id,
      name: framework.info.name,
      roles: framework.roles,
    });
    this.parts.frameworks.catchUp(framework);
    this.parts.allocator.wanted();
  }

  #armFailover(framework: FrameworkRecord, leftMs: number): void {
    const stepMs = Math.min(leftMs, MAX_TIMER_MS);
    framework.failover = this.parts.clock.after(stepMs, () => {
      if (leftMs > stepMs) this.#armFailover(framework, leftMs - stepMs);
      else this.teardown(framework);
    });
  }
}

function immutableFault(framework: FrameworkRecord, info: FrameworkInfo): string | undefined {
  for (const name of ['principal', 'user', 'checkpoint'] as const) {
    if ((framework.info[name] ?? false) !== (info[name] ?? false))
      return `Updating 'FrameworkInfo.${name}' is not allowed`;
  }
  return undefined;
}
