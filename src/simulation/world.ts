import type { AppChangesDependencies } from '../apps/app-changes.js';
import type { ProbeTarget } from '../health/health.js';
import { SeededDice } from '../util/ids.js';
import { VirtualClock } from '../util/virtual-clock.js';
import { DISK_IS_FULL, type Fact, factLine } from './facts.js';
import { type Happening, Observer } from './observer.js';
import { type AgentSeat, type PeerSurroundings, type ProxySeat, seatAgent, seatProxy } from './peers.js';
import { RecordingDisk } from './recording-disk.js';
import { type InFlight, ServerHost } from './server-host.js';
import { SimClient } from './sim-client.js';
import type { SimServer, SimServerSettings } from './sim-server.js';
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

const settings: SimServerSettings = {
  agentPingTimeoutSeconds: 30,
  agentReregisterTimeoutSeconds: 60,
  flushMs: 2,
};
const WARM_UP_MS = 100;
const RESTART_MS = 300;
/** How often it is looked whether the world has come to rest. */
const LOOK_MS = 200;
const REST_MS = 2_000;
const STORY_STEP_MS = 5;

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
  readonly agents: readonly AgentSeat[];
  readonly proxies: readonly ProxySeat[];
  readonly #host: ServerHost;
  readonly #clients: SimClient[] = [];
  #requests = 0;
  #pendingFaults = 0;
  #pendingStories = 0;
  #failure: unknown;

  private constructor(readonly options: WorldOptions) {
    this.dice = new SeededDice(options.seed);
    const { clock, dice } = this;
    const record = (happening: Happening): void => this.record(happening);
    this.disk = new RecordingDisk((key, value) => this.observer.durable(key, value));
    this.observer = new Observer({
      disk: this.disk,
      record,
      nowMs: () => clock.monotonicMs(),
      waitedFor: (sinceMs) =>
        this.proxies.filter((seat) => seat.wasLeasedSince(sinceMs)).map(({ proxy }) => proxy),
    });
    const around: PeerSurroundings = { clock, dice, observer: this.observer, record };
    this.agents = Array.from({ length: options.agents ?? 3 }, (_, index) => seatAgent(index, around));
    this.proxies = Array.from({ length: options.proxies ?? 2 }, (_, index) => seatProxy(index, around));
    this.#host = new ServerHost({
      clock,
      observer: this.observer,
      record,
      restartMs: options.restartMs ?? RESTART_MS,
      server: {
        dice,
        disk: this.disk,
        contract: options.contract,
        settings: { ...settings, ...options.settings },
        answer: (target) => this.#answer(target),
      },
      onStarted: (server) => this.#connect(server),
      onDied: () => {
        for (const { link } of [...this.agents, ...this.proxies]) link.serverDied();
      },
      onFailure: (error) => {
        this.#failure ??= error;
      },
    });
  }

  /** A world with its server up and every agent registered. */
  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    world.#host.start();
    await world.runUntil(() => world.unrest().length === 0, 30_000);
    return world;
  }

  get server(): SimServer | undefined {
    return this.#host.life?.server;
  }

  /** Flushes begun since the world began, over all lives of the server. */
  get flushes(): number {
    return this.#host.flushes;
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
        const { life } = this.#host;
        return life?.server && !life.clock.isStopped ? { server: life.server, died: life.died } : undefined;
      },
    });
    this.#clients.push(client);
    return client;
  }

  /** The server dies at the given flush from now on: before it is durable (`lost`), or right after and before anybody knows. */
  crashAtFlush(fromNow: number, inFlight: InFlight): void {
    this.#host.crashAtFlush(fromNow, inFlight);
  }

  /** As `crashAtFlush`, but should the store be idle for long, the server dies all the same. */
  crashSoon(fromNow: number, inFlight: InFlight): void {
    this.#host.crashSoon(fromNow, inFlight);
  }

  /** Something happens just when the given flush from now on begins. */
  atFlush(fromNow: number, act: () => void): void {
    this.#host.atFlush(fromNow, act);
  }

  crashServer(inFlight: InFlight = 'lost'): void {
    this.#host.crash(inFlight);
  }

  /** SIGSTOP for so long: time goes on, the server does not. */
  pauseServer(forMs: number): void {
    this.#host.pause(forMs);
  }

  /** Whichever server lives: its store refuses writes for so long. */
  fillDisk(forMs: number): void {
    const fill = (isFull: boolean) => (): void => this.#host.fillDisk(isFull);
    this.fault(DISK_IS_FULL, forMs, fill(true), fill(false));
  }

  /** Lets a story unfold in this world; it is not at rest before the story's end. */
  perform(act: () => Promise<unknown>): void {
    this.#pendingStories += 1;
    act().then(
      () => {
        this.#pendingStories -= 1;
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
    const { server } = this;
    const found: string[] = [];
    const faults = this.#pendingFaults + this.#host.pendingFaults;
    if (faults > 0) found.push(`${faults} faults are not over`);
    if (this.#pendingStories > 0) found.push(`${this.#pendingStories} stories are not told yet`);
    if (this.#clients.some(({ isWaiting }) => isWaiting)) found.push('a client waits for its answer');
    if (!server || this.#host.life?.clock.isStopped) return [...found, 'the server is down'];
    for (const { agent, link } of this.agents) {
      if (!link.isUp || !agent.isRegistered) found.push(`${link.name} is not registered`);
    }
    return [...found, ...unrest(server, [...this.observer.live.values()])];
  }

  finalState(): Promise<FinalState> {
    const { server } = this;
    if (!server) throw new Error('there is no server to be looked at');
    return readFinalState(server, this.disk, [...this.observer.live.values()]);
  }

  /** Ends everything, so that nothing of this world is left running. */
  end(): void {
    this.#host.end('lost');
    for (const { agent } of this.agents) agent.crash();
    for (const { proxy } of this.proxies) proxy.stop();
  }

  #connect({ clock, master, proxyControl }: SimServer): void {
    for (const { link } of this.agents) link.serverStarted(clock, (line) => master.acceptLine(line));
    for (const { link } of this.proxies) link.serverStarted(clock, (line) => proxyControl.acceptLine(line));
  }

  #answer({ port }: ProbeTarget): string | undefined {
    const task = this.observer.byPort(port);
    if (task?.runningSinceMs === undefined) return 'connection refused';
    if (this.options.sickCommands?.includes(task.info.command?.value ?? '')) return 'answered 500';
    const isWarm = this.clock.monotonicMs() - task.runningSinceMs >= (this.options.warmUpMs ?? WARM_UP_MS);
    return isWarm ? undefined : 'answered 503';
  }
}

/** Promises that need no time come to their end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((next) => setImmediate(next));
}
