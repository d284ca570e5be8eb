import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';
import type { ExchangeRecord } from '../exchange-record.js';
import type { LineContext, LineFormat } from './log-line.js';
import type { LogSink } from './log-sink.js';

/** Written at the latest so long after the request ended, and whenever so much has come together. */
export const FLUSH_PERIOD_MS = 100;
export const FLUSH_BYTES = 64 * 1024;
/** What may wait while writing is slow; lines beyond it are left out and counted. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** How often it is said that lines were left out. */
const COMPLAINT_PERIOD_MS = 60_000;

export interface AccessLogOptions {
  readonly format: LineFormat;
  readonly sink: LogSink;
  readonly connections: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The access log of one worker. Requests never wait for it: lines are collected, one write is under way at most, and what comes
 * while too much is waiting is left out and counted.
 */
export class AccessLog {
  written = 0;
  dropped = 0;
  #waiting = '';
  #lines = 0;
  #writing = false;
  /** From monotonic to wall clock time; looked up at each flush. */
  #wallOffsetMs: number;
  #timer: Timer | undefined;
  #complainedMs = Number.NEGATIVE_INFINITY;
  readonly #context: { startedWallMs: number; connections: number };

  constructor(private readonly options: AccessLogOptions) {
    this.#wallOffsetMs = wallOffset(options.clock);
    this.#context = { startedWallMs: 0, connections: 0 } satisfies LineContext;
  }

  start(): void {
    this.#timer ??= this.options.clock.every(FLUSH_PERIOD_MS, () => {
      this.#wallOffsetMs = wallOffset(this.options.clock);
      this.#flush();
    });
  }

  /** A request, or a connection in tcp mode, is over. */
  ended(record: ExchangeRecord): void {
    if (this.#waiting.length >= MAX_WAITING_BYTES) {
      this.dropped += 1;
      return;
    }
    const context = this.#context;
    context.startedWallMs = record.startedMs + this.#wallOffsetMs;
    context.connections = this.options.connections();
    this.#waiting += this.options.format(record, context);
    this.#lines += 1;
    if (this.#waiting.length >= FLUSH_BYTES) this.#flush();
  }

  /** Writes what is left and ends. */
  stop(): void {
    if (!this.#timer) return;
    this.#timer.cancel();
    this.#timer = undefined;
    const { sink, log } = this.options;
    try {
      if (this.#waiting !== '') sink.writeLast(this.#waiting);
    } catch (error) {
      log.warn('the last lines of the access log could not be written', {
        lines: this.#lines,
        error: String(error),
      });
    }
    this.#waiting = '';
    this.#lines = 0;
    sink.close();
  }

  #flush(): void {
    if (this.#writing || this.#waiting === '') return;
    const text = this.#waiting;
    const lines = this.#lines;
    this.#waiting = '';
    this.#lines = 0;
    this.#writing = true;
    this.options.sink
      .write(text)
      .then(
        () => {
          this.written += lines;
        },
        (error: unknown) => {
          this.dropped += lines;
          this.#complain(error instanceof Error ? error.message : String(error));
        },
      )
      .finally(() => {
        this.#writing = false;
        if (this.#waiting.length >= FLUSH_BYTES) this.#flush();
      });
  }

  #complain(reason: string): void {
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs - this.#complainedMs < COMPLAINT_PERIOD_MS) return;
    this.#complainedMs = nowMs;
    this.options.log.warn('the access log cannot be written; lines are left out', {
      reason,
      dropped: this.dropped,
    });
  }
}

function wallOffset(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}
