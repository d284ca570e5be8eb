import type { Schemas } from '../../api/contract/load-contract.js';
import type { RestClient } from './rest-client.js';

/** Bytes asked for at once: what an agent gives at most. */
const PIECE_BYTES = 64 * 1024;
/** A UTF-8 character is up to four bytes: a piece may end within one. */
const LONGEST_CHARACTER = 4;

/**
 * Reads one output file of a task from some place on. The place is counted in the file's bytes, which are known from
 * its size before each read: what the text looks like, broken characters included, never moves it.
 */
export class LogFollower {
  #offset = 0;

  constructor(
    private readonly client: RestClient,
    private readonly taskId: string,
    private readonly file: 'stdout' | 'stderr',
  ) {}

  /** Begins so far before the end; returns the text from there, cut to whole lines, at most `lines` of them. */
  async tail(lines: number): Promise<string> {
    const size = await this.#size();
    this.#offset = Math.max(0, size - Math.max(PIECE_BYTES, lines * 200));
    const whole = this.#offset === 0;
    const text = await this.more();
    const all = text.split('\n');
    const last = all.pop() ?? '';
    if (!whole) all.shift();
    const kept = lines === 0 ? [] : all.slice(-lines);
    return kept.map((line) => `${line}\n`).join('') + last;
  }

  /** What was written since the last call. A file that became shorter was rotated: it is read from its beginning. */
  async more(): Promise<string> {
    const size = await this.#size();
    if (size < this.#offset) this.#offset = 0;
    let text = '';
    while (this.#offset < size) {
      const piece = await this.#piece(Math.min(PIECE_BYTES, size - this.#offset));
      text += piece.data;
      this.#offset += piece.bytes;
    }
    return text;
  }

  async #size(): Promise<number> {
    return (await this.#read(-1, 0)).offset;
  }

  /** A piece that does not end within a character, if that can be had by asking for a little less. */
  async #piece(bytes: number): Promise<{ readonly data: string; readonly bytes: number }> {
    const { data } = await this.#read(this.#offset, bytes);
    if (!data.endsWith('\ufffd') || bytes <= LONGEST_CHARACTER) return { data, bytes };
    for (let less = 1; less < LONGEST_CHARACTER; less++) {
      const shorter = await this.#read(this.#offset, bytes - less);
      if (!shorter.data.endsWith('\ufffd')) return { data: shorter.data, bytes: bytes - less };
    }
    return { data, bytes };
  }

  #read(offset: number, length: number): Promise<Schemas['FilePiece']> {
    const query = new URLSearchParams({
      path: this.file,
      offset: String(offset),
      ...(offset < 0 ? {} : { length: String(length) }),
    });
    return this.client.get(`/v2/files/${encodeURIComponent(this.taskId)}/read?${query}`);
  }
}
