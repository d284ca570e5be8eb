import { type ChildProcess, fork } from 'node:child_process';
import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';
import type { ProbeResult, Prober, ProbeTarget } from './health.js';
import {
  ALIVE_PERIOD_MS,
  type FromProber,
  type NumberedResult,
  type ProberChange,
} from './prober-messages.js';

/** A prober that has been silent for so many of its alive periods hangs, and is replaced. */
const SILENT_PERIODS = 8;
const RESTART_FIRST_MS = 100;
const RESTART_MOST_MS = 5_000;
/** A prober that lived so long starts again without delay. */
const STEADY_MS = 10_000;
const STOP_GRACE_MS = 2_000;

export interface ChildProberOptions {
  /** File of prober-main. */
  readonly entry: string;
  readonly execArgv?: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Probes in a process of its own: a busy loop here never turns into a false verdict. When that process dies or hangs, another
 * takes its place and gets all targets again; meanwhile nothing is known, so nobody is judged.
 */
export class ChildProber implements Prober {
  readonly #targets = new Map<string, { readonly add: ProbeTarget; readonly generation: number }>();
  /** Changes not yet sent, newest per key: bounded by the number of targets, also when the child does not read. */
  #changes = new Map<string, ProberChange>();
  #sending = false;
  #child: ChildProcess | undefined;
  #onResult: ((result: ProbeResult) => void) | undefined;
  #restart: Timer | undefined;
  #watch: Timer | undefined;
  #restartMs = RESTART_FIRST_MS;
  #generation = 0;
  #silentPeriods = 0;
  #stopped = false;

  constructor(private readonly options: ChildProberOptions) {}

  /** Resolves as soon as the process is started; targets added meanwhile reach it. It never gives up starting one. */
  async start(onResult: (result: ProbeResult) => void): Promise<void> {
    this.#onResult = onResult;
    // Counted in timely ticks, not in time: after a sleep of this process the child is not suspected at once.
    this.#watch = this.options.clock.every(ALIVE_PERIOD_MS, () => this.#checkSilence());
    this.#spawn();
  }

  add(target: ProbeTarget): void {
    const change = { add: target, generation: ++this.#generation };
    this.#targets.set(target.key, change);
    this.#change(target.key, change);
  }

  remove(key: string): void {
    if (this.#targets.delete(key)) this.#change(key, { remove: key });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#restart?.cancel();
    this.#watch?.cancel();
    this.#targets.clear();
    this.#changes.clear();
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const impatience = this.options.clock.after(STOP_GRACE_MS, () => child.kill('SIGKILL'));
    await ended;
    impatience.cancel();
  }

  /** Process id of the prober, undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #spawn(): void {
    const { clock, entry, execArgv } = this.options;
    const startedMs = clock.monotonicMs();
    let child: ChildProcess;
    try {
      child = fork(entry, [], {
        execArgv: [...(execArgv ?? [])],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
    } catch (error) {
      this.#startAgain(startedMs, error instanceof Error ? error.message : String(error));
      return;
    }
    this.#child = child;
    this.#silentPeriods = 0;
    this.#sending = false;
    this.#changes = new Map(this.#targets);
    child.on('message', (raw) => {
      if (this.#child !== child) return;
      this.#silentPeriods = 0;
      const message = raw as FromProber;
      if (message.type === 'results') this.#tell(message.results);
    });
    const ended = (why: string): void => {
      if (this.#child === child) this.#startAgain(startedMs, why);
    };
    child.on('error', (error) => ended(error.message));
    child.on('exit', (code, signal) => ended(signal ?? `exit status ${code}`));
    this.#send();
  }

  #startAgain(startedMs: number, why: string): void {
    const { clock, log } = this.options;
    this.#child = undefined;
    if (this.#stopped) return;
    if (clock.monotonicMs() - startedMs > STEADY_MS) this.#restartMs = RESTART_FIRST_MS;
    log.warn('the prober ended; another takes its place', { why, inMs: this.#restartMs });
    this.#restart = clock.after(this.#restartMs, () => this.#spawn());
    this.#restartMs = Math.min(RESTART_MOST_MS, this.#restartMs * 2);
  }

  #tell(results: readonly NumberedResult[]): void {
    for (const { generation, ...result } of results) {
      // A result may cross the removal or replacement of its target.
      if (this.#targets.get(result.key)?.generation === generation) this.#onResult?.(result);
    }
  }

  #change(key: string, change: ProberChange): void {
    if (this.#stopped) return;
    this.#changes.delete(key);
    this.#changes.set(key, change);
    if (this.#changes.size === 1) queueMicrotask(() => this.#send());
  }

  /** One message on its way at a time. */
  #send(): void {
    const child = this.#child;
    if (!child?.connected || this.#sending || this.#changes.size === 0) return;
    const changes = [...this.#changes.values()];
    this.#changes = new Map();
    this.#sending = true;
    child.send({ changes }, (error) => {
      if (this.#child !== child) return;
      this.#sending = false;
      // The child is going: its successor gets all targets.
      if (!error) this.#send();
    });
  }

  #checkSilence(): void {
    this.#silentPeriods++;
    if (!this.#child || this.#silentPeriods < SILENT_PERIODS) return;
    this.options.log.warn('the prober is silent and gets replaced', { pid: this.#child.pid });
    this.#silentPeriods = 0;
    this.#child.kill('SIGKILL');
  }
}
