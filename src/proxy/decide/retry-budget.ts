/** So far back requests and repetitions are counted, in slots of a second. */
export const BUDGET_WINDOW_S = 10;
/** Repetitions allowed: this share of the requests of the window, and so many besides. */
export const BUDGET_SHARE = 0.2;
export const BUDGET_LEAST = 10;

/**
 * Bounds how much repetitions add to the load of a service whose servers fail: an outage is not to be multiplied. Costs the same however
 * many requests there are.
 */
export class RetryBudget {
  readonly #requests = new Uint32Array(BUDGET_WINDOW_S);
  readonly #retries = new Uint32Array(BUDGET_WINDOW_S);
  #second = Number.NEGATIVE_INFINITY;
  #requestSum = 0;
  #retrySum = 0;

  /** A request came (its repetitions are not counted here). */
  request(nowMs: number): void {
    const slot = this.#turn(nowMs);
    this.#requests[slot] = (this.#requests[slot] ?? 0) + 1;
    this.#requestSum += 1;
  }

  /** Whether one more repetition is within the budget. */
  left(nowMs: number): boolean {
    this.#turn(nowMs);
    return this.#retrySum < BUDGET_LEAST + BUDGET_SHARE * this.#requestSum;
  }

  /** Counts one more repetition; false: it is not within the budget, and not counted. */
  spend(nowMs: number): boolean {
    if (!this.left(nowMs)) return false;
    const slot = this.#turn(nowMs);
    this.#retries[slot] = (this.#retries[slot] ?? 0) + 1;
    this.#retrySum += 1;
    return true;
  }

  /** The slot of this second; forgets what the window has left behind. */
  #turn(nowMs: number): number {
    const second = Math.floor(nowMs / 1_000);
    if (second > this.#second) {
      const steps = Math.min(BUDGET_WINDOW_S, second - this.#second);
      for (let step = 0; step < steps; step++) {
        const slot = (second - step) % BUDGET_WINDOW_S;
        this.#requestSum -= this.#requests[slot] ?? 0;
        this.#retrySum -= this.#retries[slot] ?? 0;
        this.#requests[slot] = 0;
        this.#retries[slot] = 0;
      }
      this.#second = second;
    }
    return this.#second % BUDGET_WINDOW_S;
  }
}
