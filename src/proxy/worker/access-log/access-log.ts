import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';
import type { ExchangeRecord } from '../exchange-record.js';
import type { LineContext, LineFormat } from './log-line.js';
import type { LogSink } from './log-sink.js';

/** Written at the latest so long after the request ended, and whenever so much has come together. */
export const FLUSH_PERIOD_MS = 100;
export const CHUNK_BYTES = 64 * 1024;
/** What may wait while writing is slow; lines beyond it are left out and counted. */
export const MAX_WAITING_CHUNKS = 64;
/** Empty chunks that are kept for later. */
const MAX_SPARE = 4;
/** A longer line does not exist: paths are cut (log-line.ts), all else is short. */
const MAX_LINE_BYTES = 16 * 1024;
/** How often it is said that lines were left out. */
const COMPLAINT_PERIOD_MS = 60_000;

export interface AccessLogOptions {
  readonly format: LineFormat;
  readonly sink: LogSink;
  readonly connections: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Lines that go out together. */
interface Chunk {
  readonly bytes: Buffer;
  used: number;
  lines: number;
}

/**
 * The access log of one worker. Requests never wait for it: lines are collected, one write is under way at most, and what comes
 * while too much is waiting is left out and counted. Lines become bytes at once: text that has to live until it is written costs
 * the collector of garbage more than the line was worth.
 */
export class AccessLog {
  written = 0;
  dropped = 0;
  #chunk: Chunk = newChunk();
  /** Full ones, the oldest first. */
  readonly #waiting: Chunk[] = [];
  readonly #spare: Chunk[] = [];
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
      if (this.#writing) return;
      if (this.#waiting.length === 0 && this.#chunk.used > 0) this.#seal();
      this.#writeNext();
    });
  }

  /** A request, or a connection in tcp mode, is over. */
  ended(record: ExchangeRecord): void {
    if (this.#waiting.length >= MAX_WAITING_CHUNKS) {
      this.dropped += 1;
      return;
    }
    const context = this.#context;
    context.startedWallMs = record.startedMs + this.#wallOffsetMs;
    context.connections = this.options.connections();
    const chunk = this.#chunk;
    chunk.used += chunk.bytes.write(this.options.format(record, context), chunk.used);
    chunk.lines += 1;
    if (chunk.used <= CHUNK_BYTES - MAX_LINE_BYTES) return;
    this.#seal();
    this.#writeNext();
  }

  /** Writes what is left and ends. */
  stop(): void {
    if (!this.#timer) return;
    this.#timer.cancel();
    this.#timer = undefined;
    const { sink, log } = this.options;
    const left = [...this.#waiting.splice(0), this.#chunk];
    try {
      for (const chunk of left) if (chunk.used > 0) sink.writeLast(chunk.bytes.subarray(0, chunk.used));
    } catch (error) {
      log.warn('the last lines of the access log could not be written', { error: String(error) });
    }
    this.#chunk = newChunk();
    sink.close();
  }

  /** The present chunk goes out next; lines go into another. */
  #seal(): void {
    this.#waiting.push(this.#chunk);
    this.#chunk = this.#spare.pop() ?? newChunk();
  }

  #writeNext(): void {
    const chunk = this.#writing ? undefined : this.#waiting.shift();
    if (chunk === undefined) return;
    this.#writing = true;
    this.options.sink
      .write(chunk.bytes.subarray(0, chunk.used))
      .then(
        () => {
          this.written += chunk.lines;
        },
        (error: unknown) => {
          this.dropped += chunk.lines;
          this.#complain(error instanceof Error ? error.message : String(error));
        },
      )
      .finally(() => {
        chunk.used = 0;
        chunk.lines = 0;
        if (this.#spare.length < MAX_SPARE) this.#spare.push(chunk);
        this.#writing = false;
        this.#writeNext();
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

function newChunk(): Chunk {
  return { bytes: Buffer.allocUnsafeSlow(CHUNK_BYTES), used: 0, lines: 0 };
}
