import type { AppId } from '../apps/app.js';
import type { Clock, Timer } from '../util/clock.js';
import { evaluationPauseMs } from './decide/evaluation-pause.js';

/** Longest stretch of evaluations before other work gets its turn. */
const SLICE_MS = 5;

/**
 * Collects the apps to look at. Many marks of one turn make one evaluation at its end; a large app rests after each
 * (evaluation-pause.ts). Holds at most one entry per app that a deployment touches.
 */
export class EvaluationQueue {
  readonly #due = new Set<AppId>();
  /** Resting apps; `again`: marked meanwhile. */
  readonly #resting = new Map<AppId, { readonly timer: Timer; again: boolean }>();
  #wake: Timer | undefined;
  #scheduled = false;
  #stopped = false;

  /** `evaluate` answers how much it looked at. */
  constructor(
    private readonly clock: Clock,
    private readonly evaluate: (appId: AppId) => number,
  ) {}

  mark(appId: AppId): void {
    if (this.#stopped) return;
    const resting = this.#resting.get(appId);
    if (resting) {
      resting.again = true;
      return;
    }
    this.#due.add(appId);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#run());
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.cancel();
    for (const { timer } of this.#resting.values()) timer.cancel();
    this.#resting.clear();
    this.#due.clear();
  }

  #run(): void {
    const until = this.clock.monotonicMs() + SLICE_MS;
    for (const appId of this.#due) {
      if (this.#stopped) return;
      if (this.clock.monotonicMs() > until) {
        this.#wake = this.clock.after(0, () => this.#run());
        return;
      }
      this.#due.delete(appId);
      const pauseMs = evaluationPauseMs(this.evaluate(appId));
      if (pauseMs > 0) this.#rest(appId, pauseMs);
    }
    this.#scheduled = false;
  }

  #rest(appId: AppId, pauseMs: number): void {
    const timer = this.clock.after(pauseMs, () => {
      const again = this.#resting.get(appId)?.again === true;
      this.#resting.delete(appId);
      if (again) this.mark(appId);
    });
    this.#resting.set(appId, { timer, again: this.#due.delete(appId) });
  }
}
