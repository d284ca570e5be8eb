import { type ChildProcess, fork } from 'node:child_process';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { SentSocket } from './listener-holder.js';
import type { ToParent, ToWorker, WorkerConfig } from './worker-messages.js';

export interface WorkerSupervisorOptions {
  readonly slot: number;
  readonly entry: string;
  readonly execArgv: readonly string[];
  /** Descriptor that the worker's stderr goes to. */
  readonly stderr: number;
  /** It writes to this process's standard output (its access log). */
  readonly writesOutput?: boolean;
  /** Made afresh at each start. */
  config(): WorkerConfig;
  onStart(): void;
  onMessage(message: ToParent): void;
  readonly clock: Clock;
  readonly log: Log;
}

/** A worker that lived so long starts again at once; quicker deaths double the pause. */
const STEADY_MS = 3_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** Keeps one worker of the data plane alive, in a session of its own so that it outlives this process. */
export class WorkerSupervisor {
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #pauseMs = 0;
  #startedMs = 0;
  #stopping = false;
  #quickDeaths = 0;
  #onGone: (() => void)[] = [];

  constructor(private readonly options: WorkerSupervisorOptions) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { entry, execArgv, stderr, clock, log, slot } = this.options;
    this.#timer = undefined;
    this.#startedMs = clock.monotonicMs();
    let child: ChildProcess;
    try {
      child = fork(entry, [], {
        execArgv: [...execArgv],
        detached: true,
        stdio: ['ignore', this.options.writesOutput ? 'inherit' : 'ignore', stderr, 'ipc'],
      });
    } catch (error) {
      log.error('a proxy worker cannot be started', { slot, error: (error as Error).message });
      this.#ended(null, null);
      return;
    }
    this.#child = child;
    child.on('message', (message) => this.#received(child, message as ToParent));
    child.on('error', (error) => {
      log.error('a proxy worker cannot be started', { slot, error: error.message });
      // One that never was has no exit.
      if (child.pid === undefined) this.#exited(child, null, null);
    });
    child.on('exit', (code, signal) => this.#exited(child, code, signal));
    this.options.onStart();
    this.send(this.options.config());
  }

  /** Sends a message; a worker that died meanwhile gets everything anew from its successor's start. */
  send(message: ToWorker, socket?: SentSocket): void {
    const child = this.#child;
    if (!child?.connected) return;
    const failed = (error: Error | null): void => {
      if (error)
        this.options.log.debug('a message to a proxy worker was lost', {
          type: message.type,
          error: error.message,
        });
    };
    // Node.js takes its own bound sockets here, though its types name only servers and connections.
    if (socket) child.send(message, socket as never, { keepOpen: true }, failed);
    else child.send(message, failed);
  }

  /** Leaves the worker running on its own; it serves on without a parent. */
  leave(): void {
    this.#stopping = true;
    this.#timer?.cancel();
    const child = this.#child;
    this.#child = undefined;
    if (child?.connected) child.disconnect();
    child?.unref();
  }

  /** Ends the worker; kills it after `limitMs`. Resolves when it is gone. */
  async stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => this.#onGone.push(resolve));
    this.send({ type: 'EXIT' });
    const limit = this.options.clock.after(limitMs, () => child.kill('SIGKILL'));
    await gone;
    limit.cancel();
  }

  #received(child: ChildProcess, message: ToParent): void {
    if (child === this.#child) this.options.onMessage(message);
  }

  #exited(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (child === this.#child) this.#ended(code, signal);
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    for (const tell of this.#onGone.splice(0)) tell();
    if (this.#stopping) return;
    const { clock, log, slot } = this.options;
    const steady = clock.monotonicMs() - this.#startedMs > STEADY_MS;
    this.#quickDeaths = steady ? 0 : this.#quickDeaths + 1;
    this.#pauseMs =
      this.#quickDeaths <= 1
        ? 0
        : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#quickDeaths - 2, 10));
    log.warn('a proxy worker ended; starting it again', { slot, code, signal, inMs: this.#pauseMs });
    // Never from within start(), which may have failed for want of something that only time gives back.
    if (this.#pauseMs === 0) this.#timer = clock.after(0, () => this.start());
    else this.#timer = clock.after(this.#pauseMs, () => this.start());
  }
}
