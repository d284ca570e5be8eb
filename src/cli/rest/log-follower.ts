import type { Schemas } from '../../api/contract/load-contract.js';
import { type RestClient, RestError } from './rest-client.js';

type Piece = Schemas['FilePiece'];

/** Bytes asked for at once: what an agent gives at most. */
const PIECE_BYTES = 64 * 1024;
/** A UTF-8 character is up to four bytes: a piece may end within one. */
const LONGEST_CHARACTER = 4;
/** Older files that are looked through for the one that was being read. */
const MAX_AGE = 20;

/**
 * Reads one output file of a task from some place on, through rotations. The place is counted in the file's bytes, which are
 * known from its size before each read: what the text looks like, broken characters included, never moves it. Which file it is
 * in is known by the agent's name for that file, which it keeps when it is renamed.
 */
export class LogFollower {
  #offset = 0;
  /** Undefined: nothing was read yet, or the agent names no files. */
  #file: string | undefined;

  constructor(
    private readonly client: RestClient,
    private readonly taskId: string,
    private readonly name: 'stdout' | 'stderr',
  ) {}

  /** Begins so far before the end; returns the text from there, cut to whole lines, at most `lines` of them. */
  async tail(lines: number): Promise<string> {
    const { offset: size, file } = await this.#size(this.name);
    this.#file = file;
    this.#offset = Math.max(0, size - Math.max(PIECE_BYTES, lines * 200));
    const whole = this.#offset === 0;
    const text = await this.more();
    const all = text.split('\n');
    const last = all.pop() ?? '';
    if (!whole) all.shift();
    const kept = lines === 0 ? [] : all.slice(-lines);
    return kept.map((line) => `${line}\n`).join('') + last;
  }

  /** What was written since the last call: first the rest of a file that was rotated away, and all between it and the newest. */
  async more(): Promise<string> {
    const { offset: size, file } = await this.#size(this.name);
    let text = '';
    if (file !== undefined && this.#file !== undefined && file !== this.#file) {
      text = await this.#rotated(this.#file);
      this.#offset = 0;
    } else if (size < this.#offset) {
      this.#offset = 0;
    }
    this.#file = file;
    return text + (await this.#through(this.name, file, size));
  }

  /** The rest of the file that was being read, wherever it is now (gone: nothing), and the whole of those after it. */
  async #rotated(file: string): Promise<string> {
    const newer: string[] = [];
    let text = '';
    for (let age = 1; age <= MAX_AGE; age++) {
      const name = `${this.name}.${age}`;
      let found: Piece;
      try {
        found = await this.#size(name);
      } catch (error) {
        if (error instanceof RestError && error.status === 404) break;
        throw error;
      }
      if (found.file !== file) {
        newer.unshift(name);
        continue;
      }
      text = await this.#through(name, file, found.offset);
      break;
    }
    for (const next of newer) {
      const { offset: size, file: its } = await this.#size(next);
      this.#offset = 0;
      text += await this.#through(next, its, size);
    }
    return text;
  }

  /** From the place on to `size`; ends early when another file has the name meanwhile: the next look finds it again. */
  async #through(name: string, file: string | undefined, size: number): Promise<string> {
    let text = '';
    while (this.#offset < size) {
      const piece = await this.#piece(name, Math.min(PIECE_BYTES, size - this.#offset));
      if (piece.file !== file) break;
      text += piece.data;
      this.#offset += piece.bytes;
    }
    return text;
  }

  #size(name: string): Promise<Piece> {
    return this.#read(name, -1, 0);
  }

  /** A piece that does not end within a character, if that can be had by asking for a little less. */
  async #piece(
    name: string,
    bytes: number,
  ): Promise<{ readonly data: string; readonly bytes: number; readonly file: string | undefined }> {
    const { data, file } = await this.#read(name, this.#offset, bytes);
    if (!data.endsWith('\ufffd') || bytes <= LONGEST_CHARACTER) return { data, bytes, file };
    for (let less = 1; less < LONGEST_CHARACTER; less++) {
      const shorter = await this.#read(name, this.#offset, bytes - less);
      if (!shorter.data.endsWith('\ufffd'))
        return { data: shorter.data, bytes: bytes - less, file: shorter.file };
    }
    return { data, bytes, file };
  }

  #read(name: string, offset: number, length: number): Promise<Piece> {
    const query = new URLSearchParams({
      path: name,
      offset: String(offset),
      ...(offset < 0 ? {} : { length: String(length) }),
    });
    return this.client.get(`/v2/files/${encodeURIComponent(this.taskId)}/read?${query}`);
  }
}
