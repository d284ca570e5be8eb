import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { firstDelayMs, isOwnStall, nextDelayMs, STALL_MS } from './decide/probe-pace.js';
import type { ProbeResult, ProbeTarget } from './health.js';
import { type ProbeOutcome, probeOnce, type RunningProbe } from './probe.js';

/** Probes under way at the same time; Marathon's default too. */
export const PROBE_CONCURRENCY = 256;
const BEAT_MS = 500;

export interface ProbeEngineOptions {
  readonly clock: Clock;
  readonly dice: Pick<Dice, 'random'>;
  readonly onResult: (result: ProbeResult) => void;
  readonly concurrency?: number;
  /** How a single probe is made; the default asks over the network. */
  readonly probe?: (target: ProbeTarget, done: (outcome: ProbeOutcome) => void) => RunningProbe;
}

interface Scheduled {
  readonly target: ProbeTarget;
  timer?: Timer;
  running?: RunningProbe;
  deadline?: Timer;
  succeeded: boolean;
  misses: number;
}

/**
 * Probes targets for ever, each at its pace, at most `concurrency` at a time; who finds no room waits in turn.
 *
 * INVARIANTS
 * - Never two probes of one target at a time; after `remove` no result of it is told, after `stop` none at all.
 * - A probe that failed while this process itself stood still is not told but repeated.
 */
export class ProbeEngine {
  readonly #targets = new Map<string, Scheduled>();
  readonly #waiting = new Set<string>();
  #inFlight = 0;
  #beat: Timer | undefined;
  #lastBeatMs = 0;
  #lastStallMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ProbeEngineOptions) {}

  /** Begins to probe; replaces a target with the same key. */
  add(target: ProbeTarget): void {
    this.remove(target.key);
    const { clock, dice } = this.options;
    const scheduled: Scheduled = { target, succeeded: false, misses: 0 };
    this.#targets.set(target.key, scheduled);
    this.#startBeat();
    const delayMs = firstDelayMs(target, dice.random());
    if (delayMs === 0) this.#due(scheduled);
    else scheduled.timer = clock.after(delayMs, () => this.#due(scheduled));
  }

  remove(key: string): void {
    const scheduled = this.#targets.get(key);
    if (!scheduled) return;
    this.#targets.delete(key);
    this.#waiting.delete(key);
    scheduled.timer?.cancel();
    if (scheduled.running) {
      scheduled.running.cancel();
      this.#ended(scheduled);
    }
    if (this.#targets.size === 0) this.#stopBeat();
  }

  stop(): void {
    this.#waiting.clear();
    for (const key of [...this.#targets.keys()]) this.remove(key);
  }

  /** Targets, and probes of them under way. */
  get size(): { readonly targets: number; readonly inFlight: number } {
    return { targets: this.#targets.size, inFlight: this.#inFlight };
  }

  #due(scheduled: Scheduled): void {
    if (this.#inFlight >= (this.options.concurrency ?? PROBE_CONCURRENCY)) {
      this.#waiting.add(scheduled.target.key);
      return;
    }
    const { clock } = this.options;
    const { target } = scheduled;
    const startedMs = clock.monotonicMs();
    this.#inFlight++;
    const running = (this.options.probe ?? probeOnce)(target, (outcome) =>
      this.#judge(scheduled, running, outcome, startedMs, 0),
    );
    scheduled.running = running;
    scheduled.deadline = clock.after(target.timeoutMs, () => {
      const lateMs = clock.monotonicMs() - startedMs - target.timeoutMs;
      running.cancel();
      this.#judge(scheduled, running, running.timedOut(), startedMs, lateMs);
    });
  }

  #judge(
    scheduled: Scheduled,
    running: RunningProbe,
    outcome: ProbeOutcome,
    startedMs: number,
    lateMs: number,
  ): void {
    if (scheduled.running !== running) return;
    const { clock, dice, onResult } = this.options;
    const { target } = scheduled;
    this.#ended(scheduled);
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - startedMs;
    const watch = {
      timeoutLateMs: lateMs,
      beatLateMs: nowMs - this.#lastBeatMs - BEAT_MS,
      stalledMeanwhile: this.#lastStallMs >= startedMs,
    };
    if (outcome.kind === 'failed' && isOwnStall(watch)) {
      scheduled.timer = clock.after(0, () => this.#due(scheduled));
      return;
    }
    if (outcome.kind === 'ok') scheduled.succeeded = true;
    else if (!scheduled.succeeded) scheduled.misses++;
    const { succeeded, misses } = scheduled;
    const delayMs = nextDelayMs(target, { succeeded, misses, elapsedMs, chance: dice.random() });
    scheduled.timer = clock.after(delayMs, () => this.#due(scheduled));
    if (outcome.kind === 'ignored') return;
    const { response } = outcome;
    onResult({
      key: target.key,
      ok: outcome.kind === 'ok',
      ...(outcome.kind === 'failed' ? { cause: outcome.cause } : {}),
      ...(response ? { response } : {}),
      elapsedMs,
    });
  }

  /** Frees the probe's room and gives it to who waits longest. */
  #ended(scheduled: Scheduled): void {
    scheduled.deadline?.cancel();
    delete scheduled.deadline;
    delete scheduled.running;
    this.#inFlight--;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    const waiting = this.#targets.get(next);
    // Not at once: an outcome may have come from within a loop over all targets.
    if (waiting) waiting.timer = this.options.clock.after(0, () => this.#due(waiting));
  }

  #startBeat(): void {
    if (this.#beat) return;
    const { clock } = this.options;
    this.#lastBeatMs = clock.monotonicMs();
    this.#beat = clock.every(BEAT_MS, () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - this.#lastBeatMs - BEAT_MS > STALL_MS) this.#lastStallMs = nowMs;
      this.#lastBeatMs = nowMs;
    });
  }

  #stopBeat(): void {
    this.#beat?.cancel();
    this.#beat = undefined;
  }
}
