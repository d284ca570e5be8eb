import type { Brand } from './brand.js';

/** UTC, exactly millisecond precision: `2026-11-22T16:00:00.000Z`. Sorts as text. */
export type Timestamp = Brand<string, 'Timestamp'>;

/** Milliseconds since the epoch as a Timestamp. */
export function timestamp(wallMs: number): Timestamp {
  return new Date(wallMs).toISOString() as Timestamp;
}

/** The epoch milliseconds of a Timestamp. */
export function timestampMs(at: Timestamp): number {
  return Date.parse(at);
}

/**
 * Reads any ISO-8601 date-time with an offset (or `Z`) and returns it in our form; undefined when it is none.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : timestamp(ms);
}

/** Gives versions that strictly increase, whatever the wall clock does (marathon.md 2.9; architecture rule 11). */
export class VersionSource {
  #lastMs: number;

  /** `lastMs`: the newest version ever given, from the store. */
  constructor(
    private readonly wallMs: () => number,
    lastMs = 0,
  ) {
    this.#lastMs = lastMs;
  }

  next(): Timestamp {
    this.#lastMs = Math.max(this.wallMs(), this.#lastMs + 1);
    return timestamp(this.#lastMs);
  }

  /** Never give a version at or below this one again. */
  observe(version: Timestamp): void {
    this.#lastMs = Math.max(this.#lastMs, timestampMs(version));
  }
}
