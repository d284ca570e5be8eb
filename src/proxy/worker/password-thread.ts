import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../util/clock.js';

/** A thread without work for so long ends. */
const IDLE_MS = 60_000;
const CHECK_LIMIT_MS = 5_000;
/** Of a hash. More would take seconds, and so much memory that the whole process could end. */
const MAX_ROUNDS = 100_000;

/** What the thread is told and answers. */
export interface PasswordQuestion {
  readonly password: string;
  readonly hash: string;
}
export interface PasswordAnswer {
  readonly right?: boolean;
  readonly error?: string;
}

/**
 * Checks passwords against hashes in crypt's notation in a thread of its own, so that requests do not wait meanwhile. It is
 * started when there is something to check. One question at a time.
 */
export class PasswordThread {
  #thread: Worker | undefined;
  #idle: Timer | undefined;

  constructor(
    /** File of password-thread-main. */
    private readonly entry: string,
    private readonly clock: Clock,
  ) {}

  /** Rejects when the hash cannot be read, the thread dies, or the check takes too long. */
  readonly verify = (password: string, hash: string): Promise<boolean> => {
    if (Number(/\$rounds=(\d+)/.exec(hash)?.[1] ?? 0) > MAX_ROUNDS)
      return Promise.reject(new Error(`the hash has more than ${MAX_ROUNDS} rounds`));
    this.#idle?.cancel();
    const thread = this.#thread ?? new Worker(this.entry, { resourceLimits: { maxOldGenerationSizeMb: 32 } });
    this.#thread = thread;
    thread.unref();
    return new Promise<boolean>((resolve, reject) => {
      const settle = (act: () => void): void => {
        limit.cancel();
        thread.off('message', answered).off('error', died).off('exit', ended);
        act();
      };
      const broken = (reason: string): void => {
        settle(() => reject(new Error(reason)));
        if (this.#thread === thread) this.#thread = undefined;
        void thread.terminate();
      };
      const answered = ({ right, error }: PasswordAnswer): void => {
        settle(() => (error === undefined ? resolve(right === true) : reject(new Error(error))));
        this.#idle = this.clock.after(IDLE_MS, () => this.stop());
      };
      const died = (error: Error): void => broken(error.message);
      const ended = (): void => broken('the thread ended');
      const limit = this.clock.after(CHECK_LIMIT_MS, () =>
        broken(`a check took more than ${CHECK_LIMIT_MS / 1_000} s`),
      );
      thread.on('message', answered).on('error', died).on('exit', ended);
      thread.postMessage({ password, hash } satisfies PasswordQuestion);
    });
  };

  stop(): void {
    this.#idle?.cancel();
    void this.#thread?.terminate();
    this.#thread = undefined;
  }
}
