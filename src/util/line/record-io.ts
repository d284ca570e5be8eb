/**
 * RecordIO, the framing of Mesos's streams: the record's length in bytes as decimal text, a newline, the record.
 */

/** One record as bytes to send. */
export function encodeRecord(text: string): string {
  return `${Buffer.byteLength(text)}\n${text}`;
}

/** The stream broke the framing; the connection is of no use any more. */
export class RecordIoError extends Error {
  override readonly name = 'RecordIoError';
}

/** Longest length line that can be legal: ten digits and a newline. */
const MAX_LENGTH_LINE = 11;

/**
 * Cuts a byte stream into records. Feed it chunks as they come; it keeps at most one unfinished record.
 * Throws RecordIoError on a malformed length or a record over `maxRecordBytes`.
 */
export class RecordDecoder {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Length of the record being read; undefined while its length line is incomplete. */
  #wanted: number | undefined;

  constructor(private readonly maxRecordBytes = 32 * 1024 * 1024) {}

  /** The records completed by this chunk, in order. */
  push(chunk: Buffer): string[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const records: string[] = [];
    for (;;) {
      if (this.#wanted === undefined && !this.#readLength()) return records;
      const wanted = this.#wanted ?? 0;
      if (this.#bytes < wanted) return records;
      const all = this.#joined();
      records.push(all.toString('utf8', 0, wanted));
      this.#rest(all.subarray(wanted));
      this.#wanted = undefined;
    }
  }

  #readLength(): boolean {
    if (this.#bytes === 0) return false;
    const all = this.#joined();
    const end = all.indexOf(0x0a);
    if (end < 0) {
      if (all.length >= MAX_LENGTH_LINE) throw new RecordIoError('record length line is too long');
      return false;
    }
    const text = all.toString('latin1', 0, end);
    if (!/^\d{1,10}$/.test(text)) throw new RecordIoError(`'${text.slice(0, 20)}' is not a record length`);
    const length = Number(text);
    if (length > this.maxRecordBytes) {
      throw new RecordIoError(`a record of ${length} bytes is over the limit of ${this.maxRecordBytes}`);
    }
    this.#wanted = length;
    this.#rest(all.subarray(end + 1));
    return true;
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #rest(rest: Buffer): void {
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
  }
}
