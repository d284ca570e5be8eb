import type { Clock, Timer } from '../util/clock.js';

interface Held {
  isCancelled: boolean;
}

/**
 * The clock of one simulated process: the world's time, but timers that die with the process, and stand still while it is
 * stopped (SIGSTOP). What fell due meanwhile runs when it goes on, a period once, as with real timers. Each process counts its
 * monotonic time from a start of its own.
 */
export class ProcessClock implements Clock {
  readonly #timers = new Set<Timer>();
  #due: (() => void)[] = [];
  #state: 'running' | 'stopped' | 'dead' = 'running';

  constructor(
    private readonly world: Clock,
    private readonly monotonicOffsetMs: number,
  ) {}

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  wallMs(): number {
    return this.world.wallMs();
  }

  monotonicMs(): number {
    return this.world.monotonicMs() + this.monotonicOffsetMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const held: Held = { isCancelled: false };
    const timer = this.world.after(delayMs, () => {
      this.#timers.delete(timer);
      this.run(() => {
        if (!held.isCancelled) run();
      });
    });
    return this.#keep(timer, held);
  }

  every(periodMs: number, run: () => void): Timer {
    const held: Held = { isCancelled: false };
    let isDue = false;
    const timer = this.world.every(periodMs, () => {
      if (isDue) return;
      isDue = true;
      this.run(() => {
        isDue = false;
        if (!held.isCancelled) run();
      });
    });
    return this.#keep(timer, held);
  }

  /** Something happens to the process: now, when it goes on, or never. */
  run(act: () => void): void {
    if (this.#state === 'running') act();
    else if (this.#state === 'stopped') this.#due.push(act);
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  goOn(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    for (const act of this.#due.splice(0)) this.run(act);
  }

  die(): void {
    this.#state = 'dead';
    this.#due = [];
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #keep(timer: Timer, held: Held): Timer {
    if (this.#state === 'dead') timer.cancel();
    else this.#timers.add(timer);
    return {
      cancel: () => {
        held.isCancelled = true;
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}
