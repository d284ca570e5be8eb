import { type ChildProcess, fork } from 'node:child_process';
import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';
import type { FromChild, ToChild } from './process-messages.js';

export interface SupervisedChildOptions {
  readonly name: string;
  readonly entry: string;
  readonly execArgv: readonly string[];
  /** Made afresh at each start. */
  readonly start: () => ToChild;
  readonly onMessage: (message: FromChild) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** A child that lived this long starts again at once; quicker deaths double the pause. */
const STEADY_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 15_000;

/** Keeps one child process alive: forked in its own session, restarted with backoff until `stop`. */
export class SupervisedChild {
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #pauseMs = 0;
  #startedMs = 0;
  #stopping = false;
  #onGone: (() => void)[] = [];

  constructor(private readonly options: SupervisedChildOptions) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { entry, execArgv, name, log, clock } = this.options;
    this.#startedMs = clock.monotonicMs();
    // Detached: a Ctrl-C in the terminal goes to the parent alone, which then ends the others in order.
    let child: ChildProcess;
    try {
      child = fork(entry, [], {
        execArgv: [...execArgv],
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
    } catch (error) {
      log.error(`the ${name} process cannot be started`, { error: (error as Error).message });
      this.#exited(null, null);
      return;
    }
    this.#child = child;
    child.on('message', (message) => this.options.onMessage(message as FromChild));
    child.on('error', (error) => {
      log.error(`the ${name} process cannot be started`, { error: error.message });
      // One that never was has no exit.
      if (child.pid === undefined) this.#exited(null, null);
    });
    child.on('exit', (code, signal) => this.#exited(code, signal));
    this.send(this.options.start());
  }

  send(message: ToChild): void {
    const child = this.#child;
    if (!child?.connected) return;
    child.send(message, (error) => {
      if (error)
        this.options.log.warn(`a message to the ${this.options.name} process was lost`, {
          type: message.type,
          error: error.message,
        });
    });
  }

  /** Asks the child to end; kills it after `limitMs`. Resolves when it is gone. */
  async stop(message: ToChild, limitMs: number): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    if (!this.#child) return;
    const gone = new Promise<void>((resolve) => this.#onGone.push(resolve));
    this.send(message);
    const limit = this.options.clock.after(limitMs, () => {
      this.options.log.warn(`the ${this.options.name} process does not end; killing it`, { limitMs });
      this.kill();
    });
    await gone;
    limit.cancel();
  }

  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    for (const tell of this.#onGone.splice(0)) tell();
    if (this.#stopping) return;
    const { clock, log, name } = this.options;
    const livedMs = clock.monotonicMs() - this.#startedMs;
    this.#pauseMs =
      livedMs > STEADY_MS
        ? 0
        : Math.min(LONGEST_PAUSE_MS, this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2);
    log.warn(`the ${name} process ended; starting it again`, { code, signal, inMs: this.#pauseMs });
    this.#timer = clock.after(this.#pauseMs, () => this.start());
  }
}
