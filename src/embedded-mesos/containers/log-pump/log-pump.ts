import { existsSync, mkdirSync, readdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { OutputFile } from './output-file.js';
import { PumpedPipe } from './pumped-pipe.js';

/** The net under inotify. */
const POLL_MS = 5_000;

export interface LogPumpOptions {
  readonly pipes: string;
  readonly outputs: string;
  readonly fileBytes: number;
  readonly files: number;
  /** It was asked to leave, and no pipe is left to be served. */
  readonly onDone: () => void;
}

/**
 * Serves every pipe of one work dir: `pipes/<container>.<stream>` goes to `outputs/<container>/<stream>`. When
 * `pipes/<container>.drain` appears (nothing of the container runs any more) its pipes are emptied and removed.
 */
export class LogPump {
  readonly #pumped = new Map<string, PumpedPipe>();
  #leaving = false;

  constructor(private readonly options: LogPumpOptions) {}

  start(): void {
    watch(this.options.pipes, (_event, name) => {
      if (name) this.#look(name);
    });
    this.#lookAtAll();
    setInterval(() => this.#lookAtAll(), POLL_MS);
  }

  /** Ends as soon as no container is left whose output it could keep: at once, or after the last one's end. */
  leave(): void {
    this.#leaving = true;
    this.#lookAtAll();
    this.#endIfDone();
  }

  #finished(name: string): void {
    this.#pumped.delete(name);
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#leaving && this.#pumped.size === 0) this.options.onDone();
  }

  #lookAtAll(): void {
    const names = readdirSync(this.options.pipes);
    for (const name of names) this.#look(name);
    // One that somebody else has removed may never have had a writer, and would never end.
    const there = new Set(names);
    for (const [name, pipe] of [...this.#pumped]) if (!there.has(name)) pipe.finish();
  }

  #look(name: string): void {
    const dot = name.lastIndexOf('.');
    const id = name.slice(0, dot);
    const kind = name.slice(dot + 1);
    if (dot <= 0) return;
    if (kind === 'stdout' || kind === 'stderr') this.#attach(name, id, kind);
    else if (kind === 'drain' && existsSync(join(this.options.pipes, name))) this.#drain(id);
  }

  #attach(name: string, id: string, stream: string): void {
    const path = join(this.options.pipes, name);
    if (this.#pumped.has(name) || !existsSync(path)) return;
    mkdirSync(join(this.options.outputs, id), { recursive: true, mode: 0o750 });
    const output = new OutputFile(
      join(this.options.outputs, id, stream),
      this.options.fileBytes,
      this.options.files,
    );
    try {
      this.#pumped.set(name, new PumpedPipe(path, output, () => this.#finished(name)));
    } catch (error) {
      // Gone again, or out of descriptors: the next poll looks again, and until then its writer waits.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        process.stderr.write(`log pump: ${(error as Error).message}\n`);
    }
  }

  #drain(id: string): void {
    for (const stream of ['stdout', 'stderr']) {
      const name = `${id}.${stream}`;
      this.#attach(name, id, stream);
      this.#pumped.get(name)?.finish();
    }
    rmSync(join(this.options.pipes, `${id}.drain`), { force: true });
  }
}
