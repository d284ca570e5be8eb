import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type LogEntry,
  type LogPosition,
  LogResume,
  readLogFrames,
  readTerminalLog,
  sinceText,
} from '../decide/docker-log.js';
import { bytesAfterMark, type OutputFileFacts, type OutputMark } from '../decide/output-mark.js';
import { OutputFile } from '../log-pump/output-file.js';
import type { Engine } from './engine.js';

type Stream = LogEntry['stream'];
type Marks = Readonly<Record<Stream, OutputMark>>;

interface OutputRecord {
  readonly position: LogPosition;
  readonly marks: Marks;
}

const noFile: OutputMark = { inode: 0, bytes: 0 };
const fromTheBeginning: OutputRecord = {
  position: { at: '', entries: 0 },
  marks: { stdout: noFile, stderr: noFile },
};

/**
 * Takes a container's output over from the engine into the bounded files that people read. The engine keeps it while no
 * agent runs; the record says up to where it was taken, and how long the files were then: what is in them beyond that was
 * written by a batch that a crash cut off, and is not written again.
 */
export class ContainerOutput {
  readonly #files: Readonly<Record<Stream, OutputFile>>;
  #resume = new LogResume(fromTheBeginning.position);
  /** Bytes of each stream that are in its files already, though the position does not say so. */
  readonly #ahead: Record<Stream, number> = { stdout: 0, stderr: 0 };

  constructor(
    private readonly folder: string,
    private readonly recordPath: string,
    /** `terminal`: the engine has its output without frames, and as one stream. */
    private readonly limits: {
      readonly fileBytes: number;
      readonly files: number;
      readonly terminal?: boolean;
    },
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    const { fileBytes, files } = limits;
    this.#files = {
      stdout: new OutputFile(join(folder, 'stdout'), fileBytes, files),
      stderr: new OutputFile(join(folder, 'stderr'), fileBytes, files),
    };
    this.#restore();
  }

  #restore(): void {
    const { position, marks } = readRecord(this.recordPath);
    this.#resume = new LogResume(position);
    for (const stream of ['stdout', 'stderr'] as const)
      this.#ahead[stream] = bytesAfterMark(this.#facts(stream), marks[stream]);
  }

  /** Follows until the container has ended and all is written. Throws when the engine goes away; then again. */
  async follow(engine: Engine, name: string, abortSignal: AbortSignal): Promise<void> {
    this.#resume.again();
    const stream = await engine.output(name, sinceText(this.#resume.at), abortSignal);
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of stream) {
      const data = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
      const read = this.limits.terminal ? readTerminalLog(data) : readLogFrames(data);
      rest = read.rest;
      this.#accept(read.entries);
    }
    // A prompt has no end of its own.
    if (this.limits.terminal) this.#accept(readTerminalLog(rest, true).entries);
  }

  #accept(entries: readonly LogEntry[]): void {
    const fresh = entries.filter((entry) => this.#resume.accept(entry));
    if (fresh.length > 0) this.#take(fresh);
  }

  /** A disk that refuses is as a crash in the middle: what is not in the files is asked for again. */
  #take(entries: readonly LogEntry[]): void {
    try {
      for (const stream of ['stdout', 'stderr'] as const) this.#write(stream, entries);
      this.#keepRecord();
    } catch (error) {
      this.#restore();
      throw error;
    }
  }

  #write(stream: Stream, entries: readonly LogEntry[]): void {
    const texts = entries.filter((entry) => entry.stream === stream).map(({ text }) => text);
    const bytes = Buffer.concat(texts);
    const skipped = Math.min(bytes.length, this.#ahead[stream]);
    this.#ahead[stream] -= skipped;
    if (bytes.length > skipped) this.#files[stream].write(bytes.subarray(skipped));
  }

  /** After the output: a crash between the two is found by the files' length. */
  #keepRecord(): void {
    const record: OutputRecord = {
      position: this.#resume.at,
      marks: { stdout: this.#mark('stdout'), stderr: this.#mark('stderr') },
    };
    writeFileSync(`${this.recordPath}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${this.recordPath}.new`, this.recordPath);
  }

  /** Of what is confirmed: bytes that are ahead of the position stay so. */
  #mark(stream: Stream): OutputMark {
    const [newest] = this.#facts(stream, 1);
    return newest ? { inode: newest.inode, bytes: newest.bytes - this.#ahead[stream] } : noFile;
  }

  #facts(stream: Stream, count = this.limits.files): readonly OutputFileFacts[] {
    const found: OutputFileFacts[] = [];
    for (let age = 0; age < count; age++) {
      const path = join(this.folder, age === 0 ? stream : `${stream}.${age}`);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat) break;
      found.push({ inode: stat.ino, bytes: stat.size });
    }
    return found;
  }

  close(): void {
    this.#files.stdout.close();
    this.#files.stderr.close();
  }
}

function readRecord(path: string): OutputRecord {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as OutputRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return fromTheBeginning;
  }
}
