import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import { identify, isAlive, type ProcessIdentity } from '../../util/process-identity.js';
import { type BusyPort, busyPortsIn } from './decide/busy-ports.js';
import { CERTIFICATES_DIR } from './decide/certificates.js';
import type { Rendered } from './decide/render.js';
import { RuntimeSocket } from './runtime-socket.js';

const START_PATIENCE_MS = 10_000;
const POLL_MS = 10;
const ALIVE_PERIOD_MS = 200;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
const STEADY_MS = 3_000;
const CHECK_TIMEOUT_MS = 20_000;
const MAX_LOG_BYTES = 1_048_576;
const CONFIG = 'haproxy.cfg';
const LOG = 'haproxy.log';
const MASTER = 'master.json';

/** Ports that the load balancer has, kept for who comes after. */
export interface KeptPorts {
  readonly lbPort: number;
  readonly statsPort: number;
  readonly appIdPort?: number;
  readonly httpsPort?: number;
}

interface Kept extends KeptPorts {
  readonly master: ProcessIdentity;
}

/** Directory of HAProxy's configuration, maps and command line in a work dir. */
export function haproxyDir(workDir: string): string {
  return join(workDir, 'proxy', 'haproxy');
}

/** The HAProxy that an earlier process started in this work dir and that still runs. */
export function runningHaproxy(workDir: string): Kept | undefined {
  try {
    const kept = JSON.parse(readFileSync(join(haproxyDir(workDir), MASTER), 'utf8')) as Kept;
    return isAlive(kept.master) ? kept : undefined;
  } catch {
    // Not there, or cut off in the middle: no HAProxy was left that we could know.
    return undefined;
  }
}

/** Another load balancer takes its place: it accepts nothing more and ends with its last connection. Nobody takes it over. */
export function retireLeftHaproxy(workDir: string): void {
  const running = runningHaproxy(workDir);
  if (!running) return;
  kill(running.master.pid, 'SIGUSR1');
  rmSync(join(haproxyDir(workDir), MASTER), { force: true });
}

/**
 * By what name the server knows the HAProxy of this work dir. It outlives the processes beside it, so they have one name: the lease of
 * one goes on with the next, and nothing counts as un-routed meanwhile.
 */
export function haproxyId(workDir: string): string {
  const path = join(haproxyDir(workDir), 'proxy-id');
  try {
    const known = readFileSync(path, 'utf8').trim();
    if (known !== '') return known;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  mkdirSync(haproxyDir(workDir), { recursive: true, mode: 0o700 });
  const made = `${randomUUID()}-0`;
  writeFileSync(`${path}.new`, `${made}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return made;
}

/** HAProxy did not take a configuration. */
export class HaproxyRefusal extends Error {
  override readonly name = 'HaproxyRefusal';

  constructor(
    message: string,
    /** Ports that somebody else has. */
    readonly busy: readonly BusyPort[],
  ) {
    super(message);
  }
}

export interface HaproxyProcessOptions {
  readonly path: string;
  readonly workDir: string;
  readonly ports: KeptPorts;
  /** The process is gone though nobody asked for that; it is to be started again after so many milliseconds. */
  onGone(pauseMs: number): void;
  readonly clock: Clock;
  readonly log: Log;
}

/** HAProxy's master process with its files: started, taken over, reloaded, ended. It outlives this process. */
export class HaproxyProcess {
  readonly runtime: RuntimeSocket;
  readonly #dir: string;
  #master: ProcessIdentity | undefined;
  #child: ChildProcess | undefined;
  #watch: Timer | undefined;
  #startedMs = 0;
  #pauseMs = 0;
  #ending = false;

  constructor(private readonly options: HaproxyProcessOptions) {
    this.#dir = haproxyDir(options.workDir);
    mkdirSync(join(this.#dir, 'next'), { recursive: true, mode: 0o700 });
    this.runtime = new RuntimeSocket(join(this.#dir, 'cli'));
  }

  get running(): boolean {
    return this.#master !== undefined;
  }

  /** Takes over a HAProxy that still runs here. False: there is none that answers. */
  async adopt(): Promise<boolean> {
    const kept = runningHaproxy(this.options.workDir);
    if (!kept) return false;
    const { clock, log } = this.options;
    const endMs = clock.monotonicMs() + START_PATIENCE_MS;
    for (;;) {
      try {
        await this.runtime.processes();
        this.#watchOver(kept.master);
        return true;
      } catch (error) {
        if (!isAlive(kept.master)) return false;
        // In the middle of a reload nobody answers for a moment, while its workers serve.
        if (clock.monotonicMs() >= endMs) {
          log.warn('an earlier HAProxy does not answer and is ended', { error: String(error) });
          kill(kept.master.pid, 'SIGKILL');
          return false;
        }
      }
      await this.#pause();
    }
  }

  /** What HAProxy has against this configuration; undefined: nothing. Lines are numbered from 1. */
  async complaint(
    next: Rendered,
  ): Promise<{ readonly text: string; readonly lines: readonly number[] } | undefined> {
    const dir = join(this.#dir, 'next');
    writeFiles(dir, next);
    const text = await new Promise<string | undefined>((resolve) => {
      execFile(
        this.options.path,
        ['-c', '-f', CONFIG],
        { cwd: dir, env: environment(), timeout: CHECK_TIMEOUT_MS, maxBuffer: MAX_LOG_BYTES },
        (error, stdout, stderr) => resolve(error ? `${stdout}${stderr}` || error.message : undefined),
      );
    });
    // Keys lie in one place only.
    rmSync(join(dir, CERTIFICATES_DIR), { recursive: true, force: true });
    if (text === undefined) return undefined;
    const lines = [...text.matchAll(/\[ALERT\][^\n]*?\[haproxy\.cfg:(\d+)\]/g)].map(([, line]) =>
      Number(line),
    );
    return { text, lines };
  }

  /** Starts HAProxy with this configuration; the id of its worker. Rejects with HaproxyRefusal. */
  async start(next: Rendered): Promise<number> {
    const { path, clock, ports } = this.options;
    writeFiles(this.#dir, next);
    rmSync(join(this.#dir, 'cli'), { force: true });
    const logFile = openLog(join(this.#dir, LOG));
    const said = this.#logBytes();
    try {
      this.#child = spawn(path, ['-W', '-S', 'unix@cli,mode,600', '-f', CONFIG], {
        cwd: this.#dir,
        detached: true,
        env: environment(),
        stdio: ['ignore', logFile, logFile],
      });
    } finally {
      closeSync(logFile);
    }
    let failure: Error | undefined;
    this.#child.on('error', (error) => {
      failure = error;
    });
    const { pid } = this.#child;
    this.#child.unref();
    const endMs = clock.monotonicMs() + START_PATIENCE_MS;
    for (;;) {
      const worker = await this.#presentWorker();
      const master = pid === undefined ? undefined : identify(pid);
      if (worker !== undefined && master) {
        this.#startedMs = clock.monotonicMs();
        const kept: Kept = { master, ...ports };
        writeFileSync(join(this.#dir, `${MASTER}.new`), JSON.stringify(kept), { mode: 0o600 });
        renameSync(join(this.#dir, `${MASTER}.new`), join(this.#dir, MASTER));
        this.#watchOver(master);
        return worker;
      }
      if (failure || !master || clock.monotonicMs() >= endMs) {
        if (pid !== undefined && master) kill(pid, 'SIGKILL');
        throw this.#refusal(`HAProxy does not start${failure ? ` (${failure.message})` : ''}`, said);
      }
      await this.#pause();
    }
  }

  /**
   * Has the master start a worker with this configuration; the worker's id. Rejects (HaproxyRefusal) when it does not, and all stays
   * as it was.
   */
  async reload(next: Rendered, present: number): Promise<number> {
    const { clock } = this.options;
    const before = (await this.runtime.processes()).failed;
    const said = this.#logBytes();
    writeFiles(this.#dir, next);
    await this.runtime.ask('reload');
    const endMs = clock.monotonicMs() + START_PATIENCE_MS;
    for (;;) {
      // The master executes itself anew: for a moment nobody answers.
      const found = await this.runtime.processes().catch(() => undefined);
      const worker = found?.workers.find(({ reloads }) => reloads === 0);
      if (worker && worker.pid !== present) return worker.pid;
      if ((found && found.failed > before) || clock.monotonicMs() >= endMs || !this.running)
        throw this.#refusal('HAProxy does not take its new configuration', said);
      await this.#pause();
    }
  }

  /** The end of what HAProxy wrote. */
  lastWords(): string {
    try {
      return readFileSync(join(this.#dir, LOG), 'utf8').trim().split('\n').slice(-5).join(' | ');
    } catch (error) {
      return String(error);
    }
  }

  /** `retire`: it accepts nothing more and ends with its last connection; else at once. */
  end(how: 'retire' | 'at-once'): void {
    this.leave();
    if (how === 'retire') retireLeftHaproxy(this.options.workDir);
    else if (this.#master) kill(this.#master.pid, 'SIGTERM');
  }

  /** HAProxy goes on without us. */
  leave(): void {
    this.#ending = true;
    this.#watch?.cancel();
  }

  #watchOver(master: ProcessIdentity): void {
    this.#master = master;
    this.#watch?.cancel();
    const gone = (): void => {
      if (this.#ending || this.#master !== master || isAlive(master)) return;
      this.#watch?.cancel();
      this.#master = undefined;
      const { clock, log } = this.options;
      const steady = clock.monotonicMs() - this.#startedMs > STEADY_MS;
      this.#pauseMs = steady ? 0 : Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2 || FIRST_PAUSE_MS);
      log.warn('HAProxy ended; starting it again', {
        pid: master.pid,
        inMs: this.#pauseMs,
        said: this.lastWords(),
      });
      this.options.onGone(this.#pauseMs);
    };
    this.#child?.once('exit', gone);
    this.#watch = this.options.clock.every(ALIVE_PERIOD_MS, gone);
  }

  async #presentWorker(): Promise<number | undefined> {
    try {
      const { workers } = await this.runtime.processes();
      return workers.find(({ reloads }) => reloads === 0)?.pid;
    } catch {
      // Its command line is not there yet; whoever waits has a limit.
      return undefined;
    }
  }

  #logBytes(): number {
    return statSync(join(this.#dir, LOG), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** `said`: length of the log before it was asked. */
  #refusal(what: string, said: number): HaproxyRefusal {
    const words = this.lastWords();
    const answer = existsSync(join(this.#dir, LOG)) ? readFileSync(join(this.#dir, LOG)).subarray(said) : '';
    return new HaproxyRefusal(`${what}: ${words}`, busyPortsIn(answer.toString()));
  }

  #pause(): Promise<void> {
    return new Promise((done) => void this.options.clock.after(POLL_MS, done));
  }
}

/** Certificates that are in no list any more go. */
function writeFiles(dir: string, { text, maps, secrets }: Rendered): void {
  mkdirSync(join(dir, CERTIFICATES_DIR), { recursive: true, mode: 0o700 });
  for (const name of readdirSync(join(dir, CERTIFICATES_DIR)))
    if (!(`${CERTIFICATES_DIR}/${name}` in secrets))
      rmSync(join(dir, CERTIFICATES_DIR, name), { force: true });
  for (const [name, content] of Object.entries({ ...secrets, ...maps, [CONFIG]: text })) {
    const path = join(dir, name);
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

function openLog(path: string): number {
  const file = openSync(path, 'a', 0o600);
  if (statSync(path).size > MAX_LOG_BYTES) truncateSync(path);
  return file;
}

/** A configuration can say what stands in variables: our own settings among them are nobody's business. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LONGRUN_')));
}

/** It may have ended in this very moment. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
