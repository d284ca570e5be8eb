import { spawn } from 'node:child_process';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { PidLock } from '../../util/pid-lock.js';
import type { RunFiles } from './run-files.js';

const LOOK_MS = 1_000;
const RESTART_MS = 50;
const MAX_RESTART_MS = 5_000;
/** Keeps a process that only moves bytes small. */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=64', '--v8-pool-size=0'];

export interface LogPumpSettings {
  /** The compiled `log-pump/main.js`. */
  readonly script: string;
  readonly fileBytes: number;
  readonly files: number;
}

/** Sees to it that this work dir's log pump runs: takes over the one there is, starts another when it is gone. */
export class LogPumpKeeper {
  #timer: Timer | undefined;
  #restart: Timer | undefined;
  #pauseMs = RESTART_MS;
  #spawned: number | undefined;
  #lastStartMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly files: RunFiles,
    private readonly groups: readonly string[],
    private readonly settings: LogPumpSettings,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** The pump that serves, undefined when none does; one that was just started does not yet. */
  get pid(): number | undefined {
    return PidLock.holder(this.files.pumpLock)?.pid;
  }

  /** Every pump of ours that runs: the one that serves and one that is just starting. */
  get pids(): readonly number[] {
    return [...new Set([this.pid, this.#spawned])].filter((pid) => pid !== undefined);
  }

  start(): void {
    this.#timer = this.clock.every(LOOK_MS, () => this.#look());
    if (this.pid === undefined) this.#spawn();
  }

  /** One that this process has started tells its end by itself. */
  #look(): void {
    if (this.#restart || this.#spawned !== undefined || this.pid !== undefined) return;
    if (this.clock.monotonicMs() - this.#lastStartMs < LOOK_MS) return;
    this.#again('gone');
  }

  #again(why: string): void {
    if (!this.#timer || this.#restart) return;
    const nowMs = this.clock.monotonicMs();
    this.#pauseMs =
      nowMs - this.#lastStartMs > 10 * LOOK_MS ? RESTART_MS : Math.min(this.#pauseMs * 2, MAX_RESTART_MS);
    this.log.warn('the log pump ended; it is started again', { why, pauseMs: this.#pauseMs });
    this.#restart = this.clock.after(this.#pauseMs, () => {
      this.#restart = undefined;
      if (this.pid === undefined) this.#spawn();
    });
  }

  #spawn(): void {
    this.#lastStartMs = this.clock.monotonicMs();
    const { script, fileBytes, files } = this.settings;
    const args = [...NODE_FLAGS, script, this.files.root, String(fileBytes), String(files), ...this.groups];
    const child = spawn(process.execPath, args, { env: {}, cwd: '/', detached: true, stdio: 'ignore' });
    this.#spawned = child.pid;
    child.unref();
    child.on('error', (error) => this.#again(error.message));
    child.on('exit', (code, signalName) => {
      this.#spawned = undefined;
      if (code !== 0) this.#again(`exit ${code ?? signalName}`);
    });
  }

  /** The pump itself runs on. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#restart?.cancel();
    this.#restart = undefined;
  }
}
