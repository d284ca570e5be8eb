import type { PublishedEvent } from '../events/event-bus.js';
import type { MemoryStore } from '../store/memory-store.js';
import { StoreError } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Happening, Observer } from './observer.js';
import { ProcessClock } from './process-clock.js';
import { recordingLog } from './recording-log.js';
import { SimServer, type SimServerOptions } from './sim-server.js';

/** What is lost of a flush that is under way when the process dies. */
export type InFlight = 'lost' | 'kept';

/** A server that lives, or is just starting. */
export interface Life {
  readonly clock: ProcessClock;
  readonly died: Promise<void>;
  readonly tellDeath: () => void;
  store: MemoryStore | undefined;
  server: SimServer | undefined;
}

type HostsPart = 'clock' | 'log' | 'fate' | 'proxyMemory' | 'watchDriver' | 'onInstance' | 'onEvent';

export interface ServerHostOptions {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly record: (happening: Happening) => void;
  /** What every life of the server is made of. */
  readonly server: Omit<SimServerOptions, HostsPart>;
  /** From the death of the server to its next start. */
  readonly restartMs: number;
  readonly onStarted: (server: SimServer) => void;
  readonly onDied: () => void;
  /** The server could not start for a reason that no fault explains. */
  readonly onFailure: (error: unknown) => void;
}

/** How long a flush that will be lost is under way before the process dies. */
const LAST_MOMENTS_MS = 25;
/** A crash planned for a flush that does not come happens after this. */
const PATIENCE_MS = 5_000;
/** Each process counts its monotonic time from elsewhere. */
const MONOTONIC_STEP_MS = 1_000_003;

/** The host of the server: starts it, lets it die at a durable step, stand still or find its disk full, and starts it again. */
export class ServerHost {
  #life: Life | undefined;
  #lives = 0;
  #flushes = 0;
  #leasedProxies: readonly string[] = [];
  #diskFaults = 0;
  #faultsUnderWay = 0;
  readonly #actsAtFlush = new Map<number, () => void>();
  /** By the number of the flush at which the server dies. */
  readonly #crashes = new Map<number, InFlight>();

  constructor(private readonly options: ServerHostOptions) {}

  get life(): Life | undefined {
    return this.#life;
  }

  /** Flushes begun, over all lives. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Faults of this host that are planned or under way. */
  get pendingFaults(): number {
    return this.#faultsUnderWay + this.#crashes.size + this.#actsAtFlush.size;
  }

  start(): void {
    if (this.#life) return;
    let tellDeath: () => void = () => undefined;
    const died = new Promise<void>((resolve) => {
      tellDeath = resolve;
    });
    this.#lives += 1;
    const clock = new ProcessClock(this.options.clock, this.#lives * MONOTONIC_STEP_MS);
    const life: Life = { clock, died, tellDeath, store: undefined, server: undefined };
    this.#life = life;
    this.#boot(life).catch((error: unknown) => {
      if (!life.clock.isAlive) return;
      // A server that cannot write its epoch exits, and is started again by its supervisor.
      if (error instanceof StoreError) this.crash('lost');
      else this.options.onFailure(error);
    });
  }

  /** kill -9, now; it is started again a little later. */
  crash(inFlight: InFlight): void {
    const life = this.#life;
    if (!life) return;
    this.end(inFlight);
    this.options.record({ kind: 'server', what: 'dies', epoch: life.server?.epoch ?? 0 });
    this.options.onDied();
    life.tellDeath();
    this.options.clock.after(this.options.restartMs, () => this.start());
  }

  /** The server is no more, and nobody starts it again. */
  end(inFlight: InFlight): void {
    const life = this.#life;
    this.#life = undefined;
    life?.clock.die();
    life?.store?.crash(inFlight);
  }

  crashAtFlush(fromNow: number, inFlight: InFlight): void {
    this.#crashes.set(this.#flushes + fromNow, inFlight);
  }

  crashSoon(fromNow: number, inFlight: InFlight): void {
    const flush = this.#flushes + fromNow;
    this.crashAtFlush(fromNow, inFlight);
    this.options.clock.after(PATIENCE_MS, () => {
      if (this.#crashes.delete(flush)) this.crash(inFlight);
    });
  }

  atFlush(fromNow: number, act: () => void): void {
    this.#actsAtFlush.set(this.#flushes + fromNow, act);
  }

  pause(forMs: number): void {
    const life = this.#life;
    if (!life?.server || life.clock.isStopped) return;
    const { epoch } = life.server;
    this.options.record({ kind: 'server', what: 'stands still', epoch });
    life.clock.stop();
    this.options.clock.after(forMs, () => {
      if (!life.clock.isAlive) return;
      this.options.record({ kind: 'server', what: 'goes on', epoch });
      life.clock.goOn();
    });
  }

  /** One reason more, or less, for the disk to be full. */
  fillDisk(isFull: boolean): void {
    this.#diskFaults += isFull ? 1 : -1;
    this.#life?.store?.setDiskFull(this.#diskFaults > 0);
  }

  async #boot(life: Life): Promise<void> {
    const { observer, record, onStarted } = this.options;
    const { clock } = life;
    const whileAlive = (act: () => void): void => {
      if (clock.isAlive) act();
    };
    const server = await SimServer.start(
      {
        ...this.options.server,
        clock,
        log: recordingLog((happening) => whileAlive(() => record(happening))),
        proxyMemory: {
          load: () => this.#leasedProxies,
          save: (ids) =>
            whileAlive(() => {
              this.#leasedProxies = [...ids];
            }),
        },
        fate: () => this.#fate(life),
        watchDriver: (driver) => observer.driver(driver),
        onInstance: ({ scheduler, registry }, change) =>
          whileAlive(() => observer.instanceChanged(change, scheduler.instances, (id) => registry.get(id))),
        onEvent: (epoch: number, event: PublishedEvent) => whileAlive(() => observer.event(epoch, event)),
      },
      (store) => {
        life.store = store;
        store.setDiskFull(this.#diskFaults > 0);
      },
    );
    if (!clock.isAlive) return;
    life.server = server;
    record({ kind: 'server', what: 'starts', epoch: server.epoch });
    onStarted(server);
  }

  /** Counts flushes; the one at which the process shall die never ends. */
  #fate(life: Life): 'proceed' | 'hold' {
    this.#flushes += 1;
    const act = this.#actsAtFlush.get(this.#flushes);
    this.#actsAtFlush.delete(this.#flushes);
    act?.();
    const inFlight = this.#crashes.get(this.#flushes);
    if (!inFlight) return 'proceed';
    this.#crashes.delete(this.#flushes);
    this.#faultsUnderWay += 1;
    this.options.clock.after(inFlight === 'lost' ? LAST_MOMENTS_MS : 0, () => {
      this.#faultsUnderWay -= 1;
      if (this.#life === life) this.crash(inFlight);
    });
    return 'hold';
  }
}
