import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LogPosition, LogResume, readLogFrames, sinceText } from '../decide/docker-log.js';
import { OutputFile } from '../log-pump/output-file.js';
import type { Engine } from './engine.js';

/**
 * Takes a container's output over from the engine into the bounded files that people read. The engine keeps it while no
 * agent runs; the position says up to where it was taken, and is written after each batch.
 */
export class ContainerOutput {
  readonly #stdout: OutputFile;
  readonly #stderr: OutputFile;
  readonly #resume: LogResume;
  readonly #position: string;

  constructor(folder: string, position: string, limits: { fileBytes: number; files: number }) {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    this.#position = position;
    this.#stdout = new OutputFile(join(folder, 'stdout'), limits.fileBytes, limits.files);
    this.#stderr = new OutputFile(join(folder, 'stderr'), limits.fileBytes, limits.files);
    this.#resume = new LogResume(readPosition(position));
  }

  /** Follows until the container has ended and all is written. Throws when the engine goes away; then again. */
  async follow(engine: Engine, name: string, abortSignal: AbortSignal): Promise<void> {
    this.#resume.again();
    const stream = await engine.output(name, sinceText(this.#resume.at), abortSignal);
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of stream) {
      const read = readLogFrames(Buffer.concat([rest, chunk as Buffer]));
      rest = read.rest;
      let wrote = false;
      for (const entry of read.entries) {
        if (!this.#resume.accept(entry)) continue;
        (entry.stream === 'stdout' ? this.#stdout : this.#stderr).write(entry.text);
        wrote = true;
      }
      if (wrote) this.#keepPosition();
    }
  }

  #keepPosition(): void {
    writeFileSync(`${this.#position}.new`, JSON.stringify(this.#resume.at), { mode: 0o600 });
    renameSync(`${this.#position}.new`, this.#position);
  }

  close(): void {
    this.#stdout.close();
    this.#stderr.close();
  }
}

function readPosition(path: string): LogPosition {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LogPosition;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { at: '', entries: 0 };
  }
}
