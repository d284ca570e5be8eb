import type { LogLevel } from './log-line.js';

/** The logger whose level holds for every room that has none of its own. */
export const ROOT_LOGGER = 'ROOT';

/** Most rooms that may have a level of their own; rooms are named in the code, so more are a client's mistake. */
export const MAX_LOGGERS = 256;

const severity: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** What one logger logs now. */
export interface LoggerLevel {
  readonly logger: string;
  readonly level: LogLevel;
  /** It has no level of its own. */
  readonly inherited: boolean;
}

/** Asked for every line; shared by all logs of one room. */
export interface Threshold {
  readonly severity: number;
}

/**
 * The levels of one process's log, by room, changeable while it runs.
 *
 * INVARIANTS
 * - A room without a level of its own follows the root at once.
 * - A line below its room's level costs one comparison.
 */
export class LogLevels {
  readonly #own = new Map<string, LogLevel>();
  readonly #thresholds = new Map<string, { severity: number }>();
  #root: LogLevel;

  constructor(readonly initial: LogLevel) {
    this.#root = initial;
  }

  /** The live threshold of a room; making a log of it makes the room known. */
  thresholdOf(room: string): Threshold {
    const known = this.#thresholds.get(room);
    if (known) return known;
    const threshold = { severity: severity[this.#own.get(room) ?? this.#root] };
    if (this.#thresholds.size < MAX_LOGGERS) this.#thresholds.set(room, threshold);
    return threshold;
  }

  /** Whether a line of this level is written where `threshold` holds. */
  static passes(level: LogLevel, threshold: Threshold): boolean {
    return severity[level] >= threshold.severity;
  }

  /** The level that a logger has of its own; the root always has one. */
  own(logger: string): LogLevel | undefined {
    return logger === ROOT_LOGGER ? this.#root : this.#own.get(logger);
  }

  /** Gives a logger a level; undefined takes it away again (the root goes back to the level of the start). False: too many loggers. */
  set(logger: string, level: LogLevel | undefined): boolean {
    if (logger === ROOT_LOGGER) this.#root = level ?? this.initial;
    else if (level === undefined) this.#own.delete(logger);
    else if (!this.#own.has(logger) && this.#own.size >= MAX_LOGGERS) return false;
    else this.#own.set(logger, level);
    for (const [room, threshold] of this.#thresholds)
      threshold.severity = severity[this.#own.get(room) ?? this.#root];
    return true;
  }

  /** Every logger that is known, the root first, then by name. */
  list(): readonly LoggerLevel[] {
    const rooms = [...new Set([...this.#thresholds.keys(), ...this.#own.keys()])].sort();
    return [
      { logger: ROOT_LOGGER, level: this.#root, inherited: false },
      ...rooms.map((logger) => {
        const own = this.#own.get(logger);
        return { logger, level: own ?? this.#root, inherited: own === undefined };
      }),
    ];
  }
}
