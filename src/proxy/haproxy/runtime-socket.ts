import { connect } from 'node:net';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Commands that wait for their turn. */
const MAX_WAITING = 10_000;

/** HAProxy does not answer, or not in time. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/** A worker process of HAProxy as its master tells of it. */
export interface WorkerProcess {
  readonly pid: number;
  /** Configurations that came after its own; 0: it has the present one. */
  readonly reloads: number;
}

/** What `show proc` says. */
export interface Processes {
  readonly workers: readonly WorkerProcess[];
  /** Reloads that failed since the master started or last succeeded. */
  readonly failed: number;
}

/** Talks to the command line of HAProxy's master: one exchange at a time, each over a connection of its own. */
export class RuntimeSocket {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(
    private readonly path: string,
    private readonly timeoutMs = 5_000,
  ) {}

  /** To the master itself. Rejects with RuntimeError. */
  ask(command: string): Promise<string> {
    if (this.#waiting >= MAX_WAITING)
      return Promise.reject(new RuntimeError('too many commands wait for HAProxy'));
    this.#waiting += 1;
    const answer = this.#last.then(
      () => this.#exchange(command),
      () => this.#exchange(command),
    );
    this.#last = answer.finally(() => {
      this.#waiting -= 1;
    });
    this.#last.catch(() => undefined);
    return answer;
  }

  /** To one worker process, several commands in a row. */
  askWorker(pid: number, commands: readonly string[]): Promise<string> {
    return this.ask(commands.map((command) => `@!${pid} ${command}`).join('; '));
  }

  /** Rejects with RuntimeError, too, when it takes the question and says nothing: in the middle of a reload it does. */
  async processes(): Promise<Processes> {
    const text = await this.ask('show proc');
    if (!/^\d+\s+master\s/m.test(text)) throw new RuntimeError("HAProxy's master does not say what runs");
    const failed = Number(/^\d+\s+master\s+\d+ \[failed: (\d+)\]/m.exec(text)?.[1] ?? 0);
    const workers = [...text.matchAll(/^(\d+)\s+worker\s+(\d+)\s/gm)].map((row) => ({
      pid: Number(row[1]),
      reloads: Number(row[2]),
    }));
    return { workers, failed };
  }

  #exchange(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path: this.path, allowHalfOpen: true });
      const pieces: Buffer[] = [];
      let bytes = 0;
      const fail = (reason: string): void => {
        socket.destroy();
        reject(new RuntimeError(`HAProxy does not answer '${command.slice(0, 80)}': ${reason}`));
      };
      socket.setTimeout(this.timeoutMs, () => fail(`nothing within ${this.timeoutMs} ms`));
      socket.on('error', (error) => fail(error.message));
      // The end of what is asked makes it end its answer.
      socket.on('connect', () => socket.end(`${command}\n`));
      socket.on('data', (piece: Buffer) => {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes > MAX_ANSWER_BYTES) fail('its answer is too long');
      });
      socket.on('end', () => {
        socket.destroy();
        resolve(Buffer.concat(pieces).toString('utf8'));
      });
    });
  }
}
