import { Master } from '../../../src/embedded-mesos/master/master.js';
import type { FromAgent, ToAgent } from '../../../src/embedded-mesos/protocol/agent-line.js';
import { parseResources } from '../../../src/embedded-mesos/protocol/resource-text.js';
import type {
  Call,
  Event,
  FrameworkInfo,
  Offer,
  Resource,
  SchedulerDriver,
  TaskInfo,
  TaskStatus,
} from '../../../src/embedded-mesos/protocol/v1.js';
import { type Log, silentLog } from '../../../src/logging/log.js';
import { SimAgent, type SimAgentOptions } from '../../../src/simulation/sim-agent.js';
import { SimLine } from '../../../src/simulation/sim-line.js';
import { MemoryDisk, MemoryStore, type MemoryStoreOptions } from '../../../src/store/memory-store.js';
import { SeededDice } from '../../../src/util/ids.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';

export const PING_TIMEOUT_MS = 75_000;
export const REREGISTER_TIMEOUT_MS = 60_000;
export const OFFER_TIMEOUT_MS = 30_000;

type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;

export interface WorldAgent {
  readonly agent: SimAgent;
  readonly line: SimLine<FromAgent, ToAgent>;
}

/** A master on a virtual clock with simulated agents and schedulers around it. */
export class World {
  readonly clock = new VirtualClock();
  readonly dice = new SeededDice(7);
  readonly disk = new MemoryDisk();
  store: MemoryStore;
  master: Master;
  readonly agents: WorldAgent[] = [];
  /** What the master logged as an error: broken invariants end up here. */
  readonly errors: unknown[] = [];
  readonly #log: Log = {
    ...silentLog,
    error: (message, fields) => void this.errors.push({ message, ...fields }),
    child: () => this.#log,
  };

  constructor(private readonly storeOptions: Partial<MemoryStoreOptions> = {}) {
    this.store = this.#newStore();
    this.master = this.#newMaster();
  }

  async start(): Promise<this> {
    await this.store.open();
    await this.master.start();
    return this;
  }

  /** The master's process dies and a new one starts on what was durable. */
  async restartMaster(): Promise<void> {
    this.master.stop();
    this.store = this.#newStore();
    this.master = this.#newMaster();
    await this.start();
    for (const { line } of this.agents) line.restartServer((accepted) => this.master.acceptLine(accepted));
    await this.settle();
  }

  agent(
    name: string,
    resources = 'cpus:4;mem:4096;ports:[31000-31009]',
    more: Partial<SimAgentOptions> = {},
  ): WorldAgent {
    const { clock, dice } = this;
    const line = new SimLine<FromAgent, ToAgent>({
      clock,
      accept: (accepted) => this.master.acceptLine(accepted),
      peer: name,
    });
    const dial: SimAgentOptions['dial'] = (handlers) => line.dial(handlers);
    const agent = new SimAgent({
      hostname: name,
      resources: parseResources(resources),
      clock,
      dice,
      dial,
      ...more,
    });
    const member = { agent, line };
    this.agents.push(member);
    agent.start();
    return member;
  }

  async framework(
    info: Partial<FrameworkInfo> = {},
    options: Partial<FrameworkOptions> = {},
  ): Promise<TestFramework> {
    const framework = new TestFramework(this.master.driver(), info, options);
    framework.subscribe();
    await this.settle();
    return framework;
  }

  /** Lets time pass; everything due happens. */
  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms);
  }

  /** Lets everything happen that needs no more than a moment. */
  async settle(): Promise<void> {
    await this.clock.advanceAsync(10);
  }

  #newStore(): MemoryStore {
    return new MemoryStore({ clock: this.clock, log: silentLog, disk: this.disk, ...this.storeOptions });
  }

  #newMaster(): Master {
    return new Master({
      store: this.store,
      epoch: 1,
      clock: this.clock,
      dice: this.dice,
      log: this.#log,
      agentPingTimeoutMs: PING_TIMEOUT_MS,
      agentReregisterTimeoutMs: REREGISTER_TIMEOUT_MS,
      offerTimeoutMs: OFFER_TIMEOUT_MS,
      hostname: '127.0.0.1',
      port: 5050,
    });
  }
}

export interface FrameworkOptions {
  /** Acknowledge what comes, at once. */
  readonly acknowledges: boolean;
}

const capabilities = [
  'MULTI_ROLE',
  'PARTITION_AWARE',
  'RESERVATION_REFINEMENT',
  'TASK_KILLING_STATE',
] as const;

/** A scheduler that writes down what it hears. */
export class TestFramework {
  readonly events: Event[] = [];
  id: string | undefined;
  disconnections = 0;
  readonly #info: FrameworkInfo;
  readonly #options: FrameworkOptions;

  constructor(
    readonly driver: SchedulerDriver,
    info: Partial<FrameworkInfo>,
    options: Partial<FrameworkOptions>,
  ) {
    this.#info = {
      user: 'root',
      name: 'test',
      roles: ['*'],
      failover_timeout: 604_800,
      checkpoint: true,
      capabilities: capabilities.map((type) => ({ type })),
      ...info,
    };
    this.#options = { acknowledges: true, ...options };
    this.id = info.id?.value;
  }

  subscribe(suppressed_roles: readonly string[] = []): void {
    this.driver.start({
      onEvent: (event) => this.#hear(event),
      onDisconnected: () => void this.disconnections++,
    });
    const info = this.id === undefined ? this.#info : { ...this.#info, id: { value: this.id } };
    this.driver.call({
      type: 'SUBSCRIBE',
      ...(this.id === undefined ? {} : { framework_id: { value: this.id } }),
      subscribe: { framework_info: info, suppressed_roles },
    });
  }

  of<T extends Event['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  get offers(): Offer[] {
    return this.of('OFFERS').flatMap(({ offers }) => offers.offers);
  }

  /** Offers not rescinded; the caller knows which it has answered. */
  get lastOffer(): Offer {
    const offer = this.offers.at(-1);
    if (!offer) throw new Error('no offer has come');
    return offer;
  }

  get updates(): TaskStatus[] {
    return this.of('UPDATE').map(({ update }) => update.status);
  }

  states(taskId: string): string[] {
    return this.updates.filter(({ task_id }) => task_id.value === taskId).map(({ state }) => state);
  }

  lastUpdate(taskId: string): TaskStatus | undefined {
    return this.updates.findLast(({ task_id }) => task_id.value === taskId);
  }

  get framework_id(): { readonly value: string } {
    return { value: this.id ?? 'none' };
  }

  call(call: Call): void {
    this.driver.call(call);
  }

  launch(offer: Offer, tasks: readonly TaskInfo[], refuse_seconds = 0): void {
    this.call({
      type: 'ACCEPT',
      framework_id: this.framework_id,
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }],
        filters: { refuse_seconds },
      },
    });
  }

  decline(offer: Offer, refuse_seconds?: number): void {
    const filters = refuse_seconds === undefined ? {} : { filters: { refuse_seconds } };
    this.call({
      type: 'DECLINE',
      framework_id: this.framework_id,
      decline: { offer_ids: [offer.id], ...filters },
    });
  }

  kill(taskId: string, agentId?: string): void {
    const agent = agentId === undefined ? {} : { agent_id: { value: agentId } };
    this.call({
      type: 'KILL',
      framework_id: this.framework_id,
      kill: { task_id: { value: taskId }, ...agent },
    });
  }

  revive(): void {
    this.call({ type: 'REVIVE', framework_id: this.framework_id });
  }

  suppress(): void {
    this.call({ type: 'SUPPRESS', framework_id: this.framework_id });
  }

  reconcile(tasks: readonly { readonly taskId: string; readonly agentId?: string }[]): void {
    this.call({
      type: 'RECONCILE',
      framework_id: this.framework_id,
      reconcile: {
        tasks: tasks.map(({ taskId, agentId }) => ({
          task_id: { value: taskId },
          ...(agentId === undefined ? {} : { agent_id: { value: agentId } }),
        })),
      },
    });
  }

  acknowledge(status: TaskStatus): void {
    if (status.uuid === undefined || !status.agent_id) return;
    const { task_id, agent_id, uuid } = status;
    this.call({
      type: 'ACKNOWLEDGE',
      framework_id: this.framework_id,
      acknowledge: { task_id, agent_id, uuid },
    });
  }

  #hear(event: Event): void {
    this.events.push(event);
    if (event.type === 'SUBSCRIBED') this.id = event.subscribed.framework_id.value;
    if (event.type === 'UPDATE' && this.#options.acknowledges) this.acknowledge(event.update.status);
  }
}

export function task(id: string, agentId: string, resources = 'cpus:1;mem:32'): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id: { value: agentId },
    resources: parseResources(resources),
    command: { shell: true, value: 'sleep 1000' },
  };
}

export function amount(resources: readonly Resource[], name: string): number {
  return resources
    .filter((resource) => resource.name === name)
    .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
}
