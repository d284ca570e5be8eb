import type { AppId } from '../apps/app.js';
import type { AppChangesDependencies } from '../apps/app-changes.js';
import type { FromAgent, ToAgent } from '../embedded-mesos/protocol/agent-line.js';
import { parseResources } from '../embedded-mesos/protocol/resource-text.js';
import type { ProbeTarget } from '../health/health.js';
import type { FromProxy, ToProxy } from '../proxy/table.js';
import type { TaskId } from '../scheduler/instance.js';
import type { MemoryFlush, MemoryStore } from '../store/memory-store.js';
import { StoreError } from '../store/state-store.js';
import { SeededDice } from '../util/ids.js';
import { VirtualClock } from '../util/virtual-clock.js';
import { type Fact, factLine } from './facts.js';
import { Link } from './link.js';
import { type Happening, Observer } from './observer.js';
import { totals } from './placement.js';
import { ProcessClock } from './process-clock.js';
import { RecordingDisk } from './recording-disk.js';
import { recordingLog } from './recording-log.js';
import { SimAgent } from './sim-agent.js';
import { SimClient } from './sim-client.js';
import { SimProxy } from './sim-proxy.js';
import { SimServer, type SimServerSettings } from './sim-server.js';
import { type FinalState, readFinalState, unrest } from './world-state.js';

export interface WorldOptions {
  readonly seed: number;
  readonly contract: AppChangesDependencies['contract'];
  readonly agents?: number;
  readonly proxies?: number;
  readonly settings?: Partial<SimServerSettings>;
  /** From a task's start to its first good answer to a health check. */
  readonly warmUpMs?: number;
  /** Commands whose tasks run but never answer well. */
  readonly sickCommands?: readonly string[];
  /** From the death of the server to its next start. */
  readonly restartMs?: number;
}

/** A server that lives, or is just starting. */
interface Life {
  readonly clock: ProcessClock;
  readonly died: Promise<void>;
  readonly tellDeath: () => void;
  store: MemoryStore | undefined;
  server: SimServer | undefined;
}

interface AgentSeat {
  readonly agent: SimAgent;
  readonly link: Link<FromAgent, ToAgent>;
}

interface ProxySeat {
  readonly proxy: SimProxy;
  readonly link: Link<FromProxy, ToProxy>;
  heardAtMs: number;
  /** When it was heard again after more than a lease of silence. */
  backAtMs: number;
}

const LEASE_MS = 10_000;
const PORTS_PER_AGENT = 100;
const LAUNCH_MS = 20;
const KILL_MS = 30;
const REQUEST_PERIOD_MS = 100;
const LONGEST_ANSWER_MS = 250;
/** How long a flush that will be lost is under way before the process dies. */
const LAST_MOMENTS_MS = 25;
/** How often it is looked whether the world has come to rest. */
const LOOK_MS = 200;
const REST_MS = 2_000;
const STORY_STEP_MS = 5;
/** A crash planned for a flush that does not come happens after this. */
const PATIENCE_MS = 5_000;

/**
 * A whole longrun without a socket, a process or a disk: the product's own services on virtual time, with agents, proxies,
 * a prober, clients and faults around them. One seed is one run: the same seed gives the same facts.
 */
export class World {
  readonly clock = new VirtualClock();
  readonly dice: SeededDice;
  readonly facts: Fact[] = [];
  readonly disk: RecordingDisk;
  readonly observer: Observer;
  readonly agents: AgentSeat[] = [];
  readonly proxies: ProxySeat[] = [];
  readonly #clients: SimClient[] = [];
  readonly #runningSinceMs = new Map<TaskId, number>();
  readonly #settings: SimServerSettings;
  #leasedProxies: readonly string[] = [];
  #life: Life | undefined;
  #lives = 0;
  #flushes = 0;
  #requests = 0;
  readonly #actsAtFlush = new Map<number, () => void>();
  /** By the number of the flush at which the server dies. */
  readonly #crashes = new Map<number, 'lost' | 'kept'>();
  #pendingFaults = 0;
  #diskFaults = 0;
  #pendingActs = 0;
  #failure: unknown;

  private constructor(readonly options: WorldOptions) {
    this.dice = new SeededDice(options.seed);
    this.#settings = {
      agentPingTimeoutSeconds: 30,
      agentReregisterTimeoutSeconds: 60,
      flushMs: 2,
      ...options.settings,
    };
    const record = (happening: Happening): void => this.record(happening);
    this.disk = new RecordingDisk((key, value) => this.observer.durable(key, value));
    this.observer = new Observer({
      disk: this.disk,
      record,
      nowMs: () => this.clock.monotonicMs(),
      waitedFor: (sinceMs) => this.#waitedFor(sinceMs),
    });
  }

  /** A world with its server up and every agent registered. */
  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    for (let index = 0; index < (options.agents ?? 3); index++) world.#addAgent(index);
    for (let index = 0; index < (options.proxies ?? 2); index++) world.#addProxy(index);
    world.startServer();
    await world.runUntil(() => world.unrest().length === 0, 30_000);
    return world;
  }

  get server(): SimServer | undefined {
    return this.#life?.server;
  }

  /** Flushes begun since the world began, over all lives of the server. */
  get flushes(): number {
    return this.#flushes;
  }

  record(happening: Happening): void {
    this.facts.push({ atMs: this.clock.monotonicMs(), ...happening } as Fact);
  }

  timeline(): string {
    return this.facts.map(factLine).join('\n');
  }

  client(): SimClient {
    const client = new SimClient({
      clock: this.clock,
      disk: this.disk,
      record: (happening) => this.record(happening),
      nextNumber: () => ++this.#requests,
      server: () => {
        const life = this.#life;
        return life?.server && !life.clock.isStopped ? { server: life.server, died: life.died } : undefined;
      },
    });
    this.#clients.push(client);
    return client;
  }

  /** The server dies at the given flush from now on: before it is durable (`lost`), or right after and before anybody knows. */
  crashAtFlush(fromNow: number, inFlight: 'lost' | 'kept'): void {
    this.#crashes.set(this.#flushes + fromNow, inFlight);
  }

  /** As `crashAtFlush`, but should the store be idle for long, the server dies all the same. */
  crashSoon(fromNow: number, inFlight: 'lost' | 'kept'): void {
    const flush = this.#flushes + fromNow;
    this.crashAtFlush(fromNow, inFlight);
    this.#pendingFaults += 1;
    this.clock.after(PATIENCE_MS, () => {
      this.#pendingFaults -= 1;
      if (this.#crashes.delete(flush)) this.crashServer(inFlight);
    });
  }

  /** Whichever server lives: its store refuses writes for so long. */
  fillDisk(forMs: number): void {
    const fill = (isFull: boolean): void => {
      this.#diskFaults += isFull ? 1 : -1;
      this.#life?.store?.setDiskFull(this.#diskFaults > 0);
    };
    this.fault(
      'the disk is full',
      forMs,
      () => fill(true),
      () => fill(false),
    );
  }

  /** Something happens just when the given flush from now on begins. */
  atFlush(fromNow: number, act: () => void): void {
    this.#actsAtFlush.set(this.#flushes + fromNow, act);
  }

  crashServer(inFlight: 'lost' | 'kept' = 'lost'): void {
    const life = this.#life;
    if (!life) return;
    this.#life = undefined;
    this.record({ kind: 'server', what: 'dies', epoch: life.server?.epoch ?? 0 });
    life.clock.die();
    life.store?.crash(inFlight);
    for (const { link } of [...this.agents, ...this.proxies]) link.serverDied();
    life.tellDeath();
    this.clock.after(this.options.restartMs ?? 300, () => this.startServer());
  }

  startServer(): void {
    if (this.#life) return;
    let tellDeath: () => void = () => undefined;
    const died = new Promise<void>((resolve) => {
      tellDeath = resolve;
    });
    this.#lives += 1;
    const clock = new ProcessClock(this.clock, this.#lives * 1_000_003);
    const life: Life = { clock, died, tellDeath, store: undefined, server: undefined };
    this.#life = life;
    this.#boot(life).catch((error: unknown) => {
      if (!life.clock.isAlive) return;
      // A server that cannot write its epoch exits, and is started again by its supervisor.
      if (error instanceof StoreError) this.crashServer();
      else this.#failure ??= error;
    });
  }

  /** SIGSTOP for so long: time goes on, the server does not. */
  pauseServer(forMs: number): void {
    const life = this.#life;
    if (!life?.server || life.clock.isStopped) return;
    const { epoch } = life.server;
    this.record({ kind: 'server', what: 'stands still', epoch });
    life.clock.stop();
    this.clock.after(forMs, () => {
      if (!life.clock.isAlive) return;
      this.record({ kind: 'server', what: 'goes on', epoch });
      life.clock.goOn();
    });
  }

  /** Lets a story unfold in this world; it is not at rest before the story's end. */
  perform(act: () => Promise<unknown>): void {
    this.#pendingActs += 1;
    act().then(
      () => {
        this.#pendingActs -= 1;
      },
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
  }

  /** For stories: resolves when the condition holds, looked at every few milliseconds of the world's time. */
  async when(condition: () => boolean): Promise<void> {
    while (!condition()) await this.after(STORY_STEP_MS);
  }

  /** For stories: resolves so much later. */
  after(ms: number): Promise<void> {
    return new Promise((next) => this.clock.after(ms, next));
  }

  /** Something that goes wrong and is mended `forMs` later; the world is not at rest before. */
  fault(what: string, forMs: number, begin: () => void, end: () => void): void {
    this.#pendingFaults += 1;
    this.record({ kind: 'fault', what });
    begin();
    this.clock.after(forMs, () => {
      this.#pendingFaults -= 1;
      this.record({ kind: 'fault', what: `end of: ${what}` });
      end();
    });
  }

  jumpWall(deltaMs: number): void {
    this.record({ kind: 'fault', what: `the wall clock jumps by ${deltaMs} ms` });
    this.clock.jumpWall(deltaMs);
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    await this.runUntil(() => false, ms);
  }

  /** Lets time pass until the condition holds, at most `boundMs`. Returns whether it holds. */
  async runUntil(condition: () => boolean, boundMs: number): Promise<boolean> {
    const endMs = this.clock.monotonicMs() + boundMs;
    let lookedAtMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      await settle();
      if (this.#failure) throw this.#failure;
      const nowMs = this.clock.monotonicMs();
      if (nowMs - lookedAtMs >= LOOK_MS || nowMs >= endMs) {
        lookedAtMs = nowMs;
        if (condition()) return true;
      }
      if (nowMs >= endMs) return false;
      this.clock.advance(Math.min(this.clock.untilNext() ?? Number.POSITIVE_INFINITY, endMs - nowMs));
    }
  }

  /**
   * Runs until nothing is left to do and it stays so for a while. Throws with everything that is still missing when the
   * wanted state is not reached within the bound (invariant I16).
   */
  async runUntilQuiet(boundMs = 600_000): Promise<void> {
    const endMs = this.clock.monotonicMs() + boundMs;
    for (;;) {
      const isQuiet = await this.runUntil(() => this.unrest().length === 0, endMs - this.clock.monotonicMs());
      if (!isQuiet)
        throw new Error(`not at rest after ${boundMs} ms of virtual time: ${this.unrest().join('; ')}`);
      await this.pass(REST_MS);
      if (this.unrest().length === 0) return;
    }
  }

  /** What is still under way or missing, in words; empty when the world is at rest. */
  unrest(): readonly string[] {
    const server = this.#life?.server;
    const found: string[] = [];
    if (this.#pendingFaults > 0) found.push(`${this.#pendingFaults} faults are not over`);
    if (this.#pendingActs > 0) found.push(`${this.#pendingActs} stories are not told yet`);
    if (this.#crashes.size + this.#actsAtFlush.size > 0) found.push('not every planned fault has happened');
    if (this.#clients.some(({ isWaiting }) => isWaiting)) found.push('a client waits for its answer');
    if (!server || this.#life?.clock.isStopped) return [...found, 'the server is down'];
    for (const { agent, link } of this.agents) {
      if (!link.isUp || !agent.isRegistered) found.push(`${link.name} is not registered`);
    }
    return [...found, ...unrest(server, [...this.observer.live.values()])];
  }

  finalState(): Promise<FinalState> {
    const server = this.#life?.server;
    if (!server) throw new Error('there is no server to be looked at');
    return readFinalState(server, this.disk, [...this.observer.live.values()]);
  }

  /** Ends everything, so that nothing of this world is left running. */
  end(): void {
    this.#life?.clock.die();
    this.#life?.store?.crash();
    this.#life = undefined;
    for (const { agent } of this.agents) agent.crash();
    for (const { proxy } of this.proxies) proxy.stop();
  }

  async #boot(life: Life): Promise<void> {
    const { contract } = this.options;
    const { clock } = life;
    const record = (happening: Happening): void => {
      if (clock.isAlive) this.record(happening);
    };
    const server = await SimServer.start(
      {
        clock,
        contract,
        dice: this.dice,
        disk: this.disk,
        settings: this.#settings,
        log: recordingLog(record),
        proxyMemory: {
          load: () => this.#leasedProxies,
          save: (ids) => {
            if (clock.isAlive) this.#leasedProxies = [...ids];
          },
        },
        fate: (flush) => this.#fate(life, flush),
        answer: (target) => this.#answer(target),
        watchDriver: (driver) => this.observer.driver(driver),
        onInstance: ({ scheduler, registry }, change) => {
          if (clock.isAlive)
            this.observer.instanceChanged(change, scheduler.instances, (id) => registry.get(id));
        },
        onEvent: (epoch, event) => {
          if (clock.isAlive) this.observer.event(epoch, event);
        },
      },
      (store) => {
        life.store = store;
        store.setDiskFull(this.#diskFaults > 0);
      },
    );
    if (!clock.isAlive) return;
    life.server = server;
    this.record({ kind: 'server', what: 'starts', epoch: server.epoch });
    for (const { link } of this.agents) link.serverStarted(clock, (line) => server.master.acceptLine(line));
    for (const { link } of this.proxies)
      link.serverStarted(clock, (line) => server.proxyControl.acceptLine(line));
  }

  /** Counts flushes; the one at which the process shall die never ends. */
  #fate(life: Life, _flush: MemoryFlush): 'proceed' | 'hold' {
    this.#flushes += 1;
    const act = this.#actsAtFlush.get(this.#flushes);
    if (act) {
      this.#actsAtFlush.delete(this.#flushes);
      act();
    }
    const inFlight = this.#crashes.get(this.#flushes);
    if (!inFlight) return 'proceed';
    this.#crashes.delete(this.#flushes);
    this.#pendingFaults += 1;
    this.clock.after(inFlight === 'lost' ? LAST_MOMENTS_MS : 0, () => {
      this.#pendingFaults -= 1;
      if (this.#life === life) this.crashServer(inFlight);
    });
    return 'hold';
  }

  #waitedFor(sinceMs: number): readonly SimProxy[] {
    const nowMs = this.clock.monotonicMs();
    return this.proxies
      .filter(({ heardAtMs, backAtMs }) => backAtMs < sinceMs && nowMs - heardAtMs < LEASE_MS)
      .map(({ proxy }) => proxy);
  }

  #answer({ port }: ProbeTarget): string | undefined {
    const task = this.observer.byPort(port);
    if (!task?.isRunning) return 'connection refused';
    if (this.options.sickCommands?.includes(task.info.command?.value ?? '')) return 'answered 500';
    const sinceMs = this.#runningSinceMs.get(task.info.task_id.value as TaskId) ?? 0;
    return this.clock.monotonicMs() - sinceMs < (this.options.warmUpMs ?? 100) ? 'answered 503' : undefined;
  }

  #addAgent(index: number): void {
    const name = `agent-${index + 1}`;
    const begin = 31_000 + index * PORTS_PER_AGENT;
    const resources = parseResources(
      `cpus:8;mem:8192;disk:10000;ports:[${begin}-${begin + PORTS_PER_AGENT - 1}]`,
    );
    this.observer.agentHas(name, totals(resources));
    const link = new Link<FromAgent, ToAgent>(name, this.clock, this.dice, {
      sent: (message) => this.observer.sentToAgent(name, message),
    });
    const agent = new SimAgent({
      hostname: name,
      resources,
      clock: this.clock,
      dice: this.dice,
      dial: (handlers) => link.dial(handlers),
      launchDelayMs: LAUNCH_MS,
      killDelayMs: KILL_MS,
      onTask: (info, state) => {
        if (state === 'TASK_RUNNING')
          this.#runningSinceMs.set(info.task_id.value as TaskId, this.clock.monotonicMs());
        this.observer.task(name, info, state);
      },
    });
    agent.start();
    this.agents.push({ agent, link });
  }

  #addProxy(index: number): void {
    const proxyId = `proxy-${index + 1}`;
    const link = new Link<FromProxy, ToProxy>(proxyId, this.clock, this.dice, {
      arrived: () => {
        const nowMs = this.clock.monotonicMs();
        if (nowMs - seat.heardAtMs >= LEASE_MS) seat.backAtMs = nowMs;
        seat.heardAtMs = nowMs;
      },
    });
    const proxy = new SimProxy({
      proxyId,
      clock: this.clock,
      dice: this.dice,
      dial: (handlers) => link.dial(handlers),
      requestPeriodMs: REQUEST_PERIOD_MS,
      longestAnswerMs: LONGEST_ANSWER_MS,
      answers: (taskId) => this.observer.live.get(taskId)?.isRunning === true,
      onTable: (epoch, from, to) => this.record({ kind: 'table', proxy: proxyId, epoch, from, to }),
      onFailedRequest: (appId: AppId, taskId, why) =>
        this.record({ kind: 'request failed', appId, taskId, why }),
    });
    const seat: ProxySeat = {
      proxy,
      link,
      heardAtMs: Number.NEGATIVE_INFINITY,
      backAtMs: Number.NEGATIVE_INFINITY,
    };
    this.proxies.push(seat);
    proxy.start();
  }
}

/** Promises that need no time come to their end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((next) => setImmediate(next));
}
