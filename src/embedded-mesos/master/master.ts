import { isIPv4 } from 'node:net';
import type { Log } from '../../logging/log.js';
import type { StateStore } from '../../store/state-store.js';
import { assert } from '../../util/assert.js';
import type { Clock } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import type { TaskUsage } from '../protocol/agent-line.js';
import type { Call, MasterInfo, Offer, SchedulerDriver } from '../protocol/v1.js';
import { AgentDesk } from './agent-desk.js';
import { type AgentView, viewAgent, viewAgents } from './agent-view.js';
import { Allocator } from './allocator.js';
import { CallDesk } from './call-desk.js';
import { type AgentLine, Cluster, type EventSink } from './cluster.js';
import { Counters } from './counters.js';
import { masterFlags } from './flags.js';
import { FrameworkBook } from './framework-book.js';
import { FrameworkDesk } from './framework-desk.js';
import { freeOffers } from './free-offers.js';
import { InProcessDriver } from './in-process-driver.js';
import { OfferBook } from './offer-book.js';
import { OfferDesk } from './offer-desk.js';
import type { MasterParts, OpenSecrets } from './parts.js';
import { Registrar } from './registrar.js';
import { type SilentAgent, silentAgents } from './silent-agents.js';
import { TaskBook } from './task-book.js';
import { TaskDesk } from './task-desk.js';

/** The Mesos release whose API this master follows; what clients that ask for a version are told. */
export const MESOS_API_VERSION = '1.11.0';
export const DEFAULT_OFFER_TIMEOUT_MS = 30_000;
/** Most calls that may wait for `start` to finish; further ones are dropped, as on a line that is down. */
const MAX_EARLY_CALLS = 1_000;

export type UsageListener = (agentId: string, tasks: readonly TaskUsage[]) => void;

export interface MasterOptions {
  readonly store: StateStore;
  /** The writer's leadership epoch. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  readonly agentPingTimeoutMs: number;
  readonly agentReregisterTimeoutMs: number;
  readonly offerTimeoutMs?: number;
  /** Under which the master is reached. */
  readonly hostname: string;
  readonly port: number;
  /** Opens what tasks refer to; absent: their launch fails. */
  readonly secrets?: OpenSecrets;
}

/**
 * The embedded master: offers the agents' resources to frameworks and keeps the books of their tasks. Speaks Mesos's v1
 * calls and events to schedulers and the agent line to agents. Durable is only the registry of agents; everything else
 * comes back from agents and schedulers.
 */
export class Master {
  readonly id: string;
  readonly startedAtMs: number;
  readonly counters = new Counters();
  readonly cluster = new Cluster();
  readonly #parts: MasterParts;
  readonly #agents: AgentDesk;
  readonly #frameworks: FrameworkDesk;
  readonly #calls: CallDesk;
  readonly #registrar: Registrar;
  readonly #early: { readonly sink: EventSink; readonly call: Call }[] = [];
  readonly #usageListeners = new Set<UsageListener>();
  #phase: 'new' | 'started' | 'stopped' = 'new';

  constructor(private readonly options: MasterOptions) {
    const { clock, dice, store, epoch } = options;
    const log = options.log.child('master');
    this.id = dice.uuid();
    this.startedAtMs = clock.wallMs();
    this.#registrar = new Registrar(store, epoch, clock, log);
    const allocator = new Allocator(this.cluster, clock, dice, (grants) => offers.issue(grants));
    const timeoutMs = options.offerTimeoutMs ?? DEFAULT_OFFER_TIMEOUT_MS;
    const offers: OfferBook = new OfferBook(
      this.id,
      this.cluster,
      allocator,
      this.counters,
      clock,
      timeoutMs,
    );
    const tasks = new TaskBook(this.cluster, allocator, this.counters);
    const frameworks = new FrameworkBook(this.cluster, clock);
    const { cluster, counters } = this;
    this.#parts = {
      masterId: this.id,
      clock,
      log,
      cluster,
      counters,
      allocator,
      offers,
      tasks,
      frameworks,
      registrar: this.#registrar,
      ...(options.secrets && { secrets: options.secrets }),
      usage: (agentId, usage) => {
        for (const listener of this.#usageListeners) listener(agentId, usage);
      },
    };
    const taskDesk = new TaskDesk(this.#parts);
    this.#frameworks = new FrameworkDesk(this.#parts, taskDesk, () => this.info);
    this.#calls = new CallDesk(this.#parts, this.#frameworks, new OfferDesk(this.#parts), taskDesk);
    this.#agents = new AgentDesk(this.#parts, options);
  }

  /** Loads the registry; from then on calls and agents are served. Rejects when the store cannot be read. */
  async start(): Promise<void> {
    assert(this.#phase === 'new', 'a master starts once');
    const entries = await this.#registrar.load();
    if (this.#isStopped()) return;
    this.#phase = 'started';
    this.#agents.recover(entries);
    for (const { sink, call } of this.#early.splice(0)) this.#calls.handle(sink, call);
  }

  /** Ends all timers; nothing is sent or written any more. Tasks and the registry stay as they are. */
  stop(): void {
    this.#phase = 'stopped';
    this.#agents.stop();
    this.#frameworks.stop();
    this.#parts.allocator.stop();
    this.#parts.offers.stop();
    this.#registrar.stop();
    for (const framework of this.cluster.frameworks.values()) framework.sink?.close();
  }

  #isStopped(): boolean {
    return this.#phase === 'stopped';
  }

  /** A line for one scheduler in this process. */
  driver(): SchedulerDriver {
    const receiver = {
      handle: (sink: EventSink, call: Call) => {
        if (this.#phase === 'started') this.#calls.handle(sink, call);
        else if (this.#phase === 'new' && this.#early.length < MAX_EARLY_CALLS)
          this.#early.push({ sink, call });
      },
      disconnected: (sink: EventSink) => {
        if (this.#phase === 'started') this.#frameworks.disconnected(sink);
      },
    };
    return new InProcessDriver(receiver, this.options.clock, this.#parts.log);
  }

  /** An agent has dialled; sets the line's handlers. What comes before `start` has finished is kept until then. */
  acceptLine(line: AgentLine): void {
    if (this.#phase !== 'stopped') this.#agents.acceptLine(line);
  }

  /** Every agent that is registered, expected back or unreachable. */
  agents(): readonly AgentView[] {
    return viewAgents(this.cluster);
  }

  agent(agentId: string): AgentView | undefined {
    return viewAgent(this.cluster, agentId);
  }

  /** What connected agents could offer to a role if no offer were out; not to be accepted. */
  freeOffers(role: string): Iterable<Offer> {
    return freeOffers(this.cluster, role);
  }

  silentAgents(): Iterable<SilentAgent> {
    return silentAgents(this.cluster);
  }

  /** The boot id of an agent's host; undefined when the agent is unknown or gone. */
  bootId(agentId: string): string | undefined {
    return this.cluster.agents.get(agentId)?.bootId ?? this.cluster.unreachable.get(agentId)?.bootId;
  }

  /** Told the id of an agent that came, went or changed its link. */
  onAgentChange(listener: (agentId: string) => void): () => void {
    return this.cluster.onAgentChange(listener);
  }

  /** Tells the agents that these secrets have new values; those that are away ask when they are back. */
  secretsChanged(names: readonly string[]): void {
    for (const { line } of this.cluster.agents.values()) line?.send({ type: 'SECRETS_CHANGED', names });
  }

  /** Told what the tasks of an agent used since it last said so, about every 10 s. */
  onUsage(listener: UsageListener): () => void {
    this.#usageListeners.add(listener);
    return () => this.#usageListeners.delete(listener);
  }

  get offersOutstanding(): number {
    return this.#parts.offers.size;
  }

  get allocationRuns(): number {
    return this.#parts.allocator.runs;
  }

  get refusalsActive(): number {
    return this.#parts.allocator.filterCount;
  }

  /** For state documents: the offers a framework holds. */
  offersOf(framework: { readonly offerIds: ReadonlySet<string> }): ReturnType<OfferBook['of']> {
    return this.#parts.offers.of(framework.offerIds);
  }

  /** For `/roles`: what a role's frameworks hold, offers included; scalars by name. */
  heldBy(role: string): ReadonlyMap<string, number> {
    return this.#parts.allocator.heldBy(role);
  }

  /** For state documents: the cluster's scalars. */
  get clusterTotal(): ReadonlyMap<string, number> {
    return this.#parts.allocator.clusterTotal;
  }

  /** What a real master calls its flags; those that mean something here, as text. */
  get flags(): Readonly<Record<string, string>> {
    return masterFlags(this.options, this.info);
  }

  nowMs(): number {
    return this.options.clock.wallMs();
  }

  get info(): MasterInfo {
    const { hostname, port } = this.options;
    const ip = isIPv4(hostname) ? hostname : '127.0.0.1';
    return {
      id: this.id,
      ip: packedIp(ip),
      port,
      pid: `master@${ip}:${port}`,
      hostname,
      version: MESOS_API_VERSION,
      address: { hostname, ip, port },
    };
  }
}

/** Network byte order read as little-endian: 10.0.0.1 is 16777226. */
function packedIp(ip: string): number {
  return ip.split('.').reduce((sum, part, index) => sum + Number(part) * 256 ** index, 0);
}
