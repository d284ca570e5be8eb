import { type ChildProcess, spawn } from 'node:child_process';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { Account } from './containerizer.js';
import { accountWords } from './give-orders.js';
import type { RunFiles } from './run-files.js';

const RESTART_MS = 100;
const MAX_RESTART_MS = 5_000;
/** A launcher that ran this long starts the pauses anew. */
const STEADY_MS = 10_000;
/** Containers of one request at most: their pipes are made by one program, whose arguments have a limit. */
const MAX_IN_REQUEST = 64;

/**
 * A long-lived shell that forks supervisors, each in well under a millisecond; Node would take three, and block meanwhile. Requests written to one that was killed meanwhile may be lost; `onRestart` lets
 * the owner ask again for all that no supervisor has claimed, which is safe since a claim is exclusive.
 */
export class Launcher {
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #stopped = true;
  #pauseMs = RESTART_MS;
  #startedAtMs = 0;
  /** Containers asked for in this moment, by the words on who they are to be. */
  readonly #asked = new Map<string, string[]>();

  constructor(
    private readonly files: RunFiles,
    private readonly supervisorGroups: readonly string[],
    private readonly parents: readonly string[],
    /** Whether containers get namespaces of their own; asked at each start of a launcher. */
    private readonly ownNamespaces: () => boolean,
    private readonly onRestart: () => void,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#stopped = false;
    this.#startedAtMs = this.clock.monotonicMs();
    const args = [
      this.files.launcherScript,
      this.files.root,
      this.ownNamespaces() ? 'own' : 'shared',
      ...this.supervisorGroups,
      '--',
      ...this.parents,
    ];
    const child = spawn('/bin/sh', args, {
      env: {},
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child = child;
    child.unref();
    child.stdin?.on('error', (error) =>
      this.log.debug('the launcher does not read', { error: error.message }),
    );
    child.on('error', (error) => this.#ended(child, error.message));
    child.on('exit', (code, signalName) => this.#ended(child, `exit ${code ?? signalName}`));
  }

  /** Asks for a supervisor for a prepared container; all requests of a moment go together. */
  request(id: string, account: Account | undefined): void {
    this.#ask(id, accountWords(account));
  }

  /** Asks for supervisors of containers that are to wait for their orders. */
  requestWarm(ids: readonly string[]): void {
    for (const id of ids) this.#ask(id, 'warm - -');
  }

  #ask(id: string, who: string): void {
    if (this.#asked.size === 0) queueMicrotask(() => this.#sendAsked());
    const ids = this.#asked.get(who);
    if (ids) ids.push(id);
    else this.#asked.set(who, [id]);
  }

  #sendAsked(): void {
    for (const [who, ids] of this.#asked) {
      for (let from = 0; from < ids.length; from += MAX_IN_REQUEST)
        this.#child?.stdin?.write(`${who} ${ids.slice(from, from + MAX_IN_REQUEST).join(' ')}\n`);
    }
    this.#asked.clear();
  }

  #ended(child: ChildProcess, why: string): void {
    if (this.#stopped || this.#child !== child) return;
    this.#child = undefined;
    const ranMs = this.clock.monotonicMs() - this.#startedAtMs;
    this.#pauseMs = ranMs > STEADY_MS ? RESTART_MS : Math.min(this.#pauseMs * 2, MAX_RESTART_MS);
    this.log.warn('the launcher ended; it is started again', { why, pauseMs: this.#pauseMs });
    this.#timer = this.clock.after(this.#pauseMs, () => {
      this.start();
      this.onRestart();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#child?.stdin?.end();
    this.#child = undefined;
  }
}
