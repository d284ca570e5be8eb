/** Up to where a container's output was taken over; `entries` of the timestamp `at` are written. */
export interface LogPosition {
  /** As the engine writes it: RFC 3339 with nanoseconds; empty = nothing yet. */
  readonly at: string;
  readonly entries: number;
}

export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  readonly at: string;
  readonly text: Buffer;
}

const HEADER_BYTES = 8;
/** Beyond the longest entry of the engine (16 KiB) and its timestamp. */
const MAX_FRAME_BYTES = 1024 * 1024;

/**
 * Splits the engine's multiplexed stream: frames of `[stream, 0, 0, 0, length (4 bytes, big endian)]`, each one entry
 * `timestamp text`. `rest` is the beginning of a frame that is still to come. Throws RangeError for what is no such stream.
 */
export function readLogFrames(data: Buffer): {
  readonly entries: readonly LogEntry[];
  readonly rest: Buffer;
} {
  const entries: LogEntry[] = [];
  let from = 0;
  while (data.length - from >= HEADER_BYTES) {
    const bytes = data.readUInt32BE(from + 4);
    if (bytes > MAX_FRAME_BYTES) throw new RangeError(`a log frame of ${bytes} bytes`);
    const end = from + HEADER_BYTES + bytes;
    if (end > data.length) break;
    const frame = data.subarray(from + HEADER_BYTES, end);
    const space = frame.indexOf(32);
    if (space > 0)
      entries.push({
        stream: data[from] === 2 ? 'stderr' : 'stdout',
        at: frame.toString('latin1', 0, space),
        text: frame.subarray(space + 1),
      });
    from = end;
  }
  return { entries, rest: data.subarray(from) };
}

/** The engine cuts a line without an end into entries of so many bytes, each with a timestamp of its own. */
const TERMINAL_ENTRY_BYTES = 16 * 1024;
const NEWLINE = 10;
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z /;
const LONGEST_TIMESTAMP = '2026-01-01T00:00:00.123456789Z '.length;

/**
 * Splits what the engine has of a container on a terminal: entries `timestamp text` without frames, each as long as its line or,
 * of a longer one, 16 KiB. `rest` as above: an entry without an end may go on, unless nothing comes any more (`ended`). Throws
 * RangeError for what is no such stream.
 */
export function readTerminalLog(
  data: Buffer,
  ended = false,
): {
  readonly entries: readonly LogEntry[];
  readonly rest: Buffer;
} {
  const entries: LogEntry[] = [];
  let from = 0;
  while (from < data.length) {
    const at = timestamp.exec(data.toString('latin1', from, from + LONGEST_TIMESTAMP))?.[0];
    const begin = from + (at?.length ?? 0);
    const limit = begin + TERMINAL_ENTRY_BYTES;
    const newline = data.subarray(begin, limit).indexOf(NEWLINE);
    const isCut = data.length >= limit + LONGEST_TIMESTAMP;
    if (newline === -1 && !isCut && !ended) break;
    if (at === undefined) throw new RangeError('an entry of a log without its timestamp');
    const end = newline === -1 ? Math.min(limit, data.length) : begin + newline + 1;
    entries.push({ stream: 'stdout', at: at.trimEnd(), text: data.subarray(begin, end) });
    from = end;
  }
  return { entries, rest: data.subarray(from) };
}

/**
 * Drops what was taken over before: asked from a position on, the engine says the entries of its very timestamp again.
 */
export class LogResume {
  #repeats = 0;

  constructor(private position: LogPosition) {}

  get at(): LogPosition {
    return this.position;
  }

  /** The stream begins anew, from the position on. */
  again(): void {
    this.#repeats = 0;
  }

  /** Whether this entry is to be written; then it counts as written. */
  accept({ at }: LogEntry): boolean {
    if (at === this.position.at) {
      if (this.#repeats < this.position.entries) {
        this.#repeats++;
        return false;
      }
      this.#repeats++;
      this.position = { at, entries: this.position.entries + 1 };
      return true;
    }
    this.position = { at, entries: 1 };
    this.#repeats = 1;
    return true;
  }
}

/** The position as the `since` of the engine: seconds with nanoseconds. 0 = from the beginning. */
export function sinceText({ at }: LogPosition): string {
  if (at === '') return '0';
  const seconds = Math.floor(Date.parse(at) / 1000);
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? '';
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}
