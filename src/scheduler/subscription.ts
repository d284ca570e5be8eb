import type { Call, Event, FrameworkInfo, SchedulerDriver } from '../embedded-mesos/protocol/v1.js';
import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import type { CompleteSettings } from './scheduler-settings.js';

/** A week: how long a master keeps our tasks when we are away. */
export const FAILOVER_TIMEOUT_SECONDS = 604_800;
export const SUBSCRIBE_RETRY_MIN_MS = 250;
export const SUBSCRIBE_RETRY_MAX_MS = 15_000;
/** No answer to SUBSCRIBE for so long: said again. */
export const SUBSCRIBE_ANSWER_MS = 15_000;

type WithoutFramework<C> = C extends { readonly framework_id: unknown } ? Omit<C, 'framework_id'> : never;
/** Any call that is made under our framework id. */
export type FrameworkCall = WithoutFramework<Exclude<Call, { readonly type: 'SUBSCRIBE' }>>;

type Subscribed = Extract<Event, { type: 'SUBSCRIBED' }>['subscribed'];

export interface SubscriptionHandlers {
  onSubscribed(subscribed: Subscribed): void;
  onLost(): void;
  /** Every event but SUBSCRIBED, ERROR and HEARTBEAT. */
  onEvent(event: Event): void;
  /** The framework was torn down: the next subscription gets a new id. */
  onFrameworkRemoved(): void;
  /** Another scheduler has taken our place; nothing more will be done here. */
  onSuperseded(): void;
}

/** Keeps one subscription to the master alive, and sends calls under its framework id. */
export class Subscription {
  #frameworkId: string | undefined;
  #subscribed = false;
  #stopped = false;
  #superseded = false;
  #attempt = 0;
  #timer: Timer | undefined;
  readonly #roles: Set<string>;

  constructor(
    private readonly driver: SchedulerDriver,
    private readonly clock: Clock,
    private readonly dice: Dice,
    private readonly log: Log,
    private readonly settings: CompleteSettings,
    private readonly handlers: SubscriptionHandlers,
  ) {
    this.#roles = new Set(settings.roles);
  }

  /** Every role that was needed so far. */
  get roles(): ReadonlySet<string> {
    return this.#roles;
  }

  /** Offers for these roles are wanted, too: the master is told of those that are new to it, and which it still need not offer (Mesos reference 1.6). */
  needRoles(roles: ReadonlySet<string>, suppressed: readonly string[]): void {
    const before = this.#roles.size;
    for (const role of roles) this.#roles.add(role);
    if (this.#roles.size === before) return;
    this.call({
      type: 'UPDATE_FRAMEWORK',
      update_framework: { framework_info: this.#frameworkInfo(), suppressed_roles: suppressed },
    });
  }

  get frameworkId(): string | undefined {
    return this.#frameworkId;
  }

  get subscribed(): boolean {
    return this.#subscribed;
  }

  start(frameworkId: string | undefined): void {
    this.#frameworkId = frameworkId;
    this.#subscribe();
  }

  stop(): void {
    this.#stopped = true;
    this.#subscribed = false;
    this.#timer?.cancel();
    this.driver.stop();
  }

  /** Dropped while there is no subscription, as a call on a broken connection would be. */
  call(call: FrameworkCall): void {
    if (!this.#subscribed || this.#frameworkId === undefined) return;
    this.driver.call({ ...call, framework_id: { value: this.#frameworkId } });
  }

  #frameworkInfo(): FrameworkInfo {
    const id = this.#frameworkId;
    return {
      user: this.settings.user,
      name: this.settings.frameworkName,
      ...(id === undefined ? {} : { id: { value: id } }),
      failover_timeout: FAILOVER_TIMEOUT_SECONDS,
      checkpoint: true,
      roles: [...this.#roles],
      hostname: this.settings.hostname,
      capabilities: [
        { type: 'PARTITION_AWARE' },
        { type: 'MULTI_ROLE' },
        { type: 'TASK_KILLING_STATE' },
        { type: 'RESERVATION_REFINEMENT' },
        { type: 'REGION_AWARE' },
        { type: 'GPU_RESOURCES' },
      ],
    };
  }

  /** A new line for every attempt: whatever was on an older one is void. */
  #subscribe(): void {
    if (this.#stopped) return;
    this.driver.start({
      onEvent: (event) => this.#onEvent(event),
      onDisconnected: () => this.#lost('the connection to the master broke'),
    });
    this.#attempt += 1;
    this.#timer?.cancel();
    this.#timer = this.clock.after(SUBSCRIBE_ANSWER_MS, () => this.#subscribe());
    const id = this.#frameworkId;
    this.driver.call({
      type: 'SUBSCRIBE',
      ...(id === undefined ? {} : { framework_id: { value: id } }),
      subscribe: { framework_info: this.#frameworkInfo(), suppressed_roles: [] },
    });
  }

  #onEvent(event: Event): void {
    if (this.#stopped) return;
    if (event.type === 'SUBSCRIBED') this.#onSubscribed(event.subscribed);
    else if (event.type === 'ERROR') this.#onError(event.error.message);
    else if (event.type !== 'HEARTBEAT' && this.#subscribed) this.handlers.onEvent(event);
  }

  #onSubscribed(subscribed: Subscribed): void {
    this.#timer?.cancel();
    this.#attempt = 0;
    if (this.#subscribed) this.handlers.onLost();
    this.#frameworkId = subscribed.framework_id.value;
    this.#subscribed = true;
    this.handlers.onSubscribed(subscribed);
  }

  #onError(message: string): void {
    this.log.error('the master refused us', { message });
    if (message.includes('failed over')) {
      this.#superseded = true;
      this.#lost(message);
      this.handlers.onSuperseded();
      return;
    }
    if (message.includes('Framework has been removed')) {
      this.#frameworkId = undefined;
      this.handlers.onFrameworkRemoved();
    }
    this.#lost(message);
  }

  #lost(why: string): void {
    if (this.#stopped) return;
    if (this.#subscribed) {
      this.#subscribed = false;
      this.log.warn('no subscription to the master any more', { why });
      this.handlers.onLost();
    }
    this.#timer?.cancel();
    if (this.#superseded) return;
    const longest = Math.min(
      SUBSCRIBE_RETRY_MAX_MS,
      SUBSCRIBE_RETRY_MIN_MS * 2 ** Math.min(10, this.#attempt),
    );
    this.#timer = this.clock.after(longest * (0.5 + this.dice.random() / 2), () => this.#subscribe());
  }
}
