import type { AppId } from '../apps/app.js';
import type { Prepare } from '../apps/app-changes.js';
import type { Deployments } from '../deployments/deployment.js';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import { keys, type StateStore } from '../store/state-store.js';
import type { Clock, Timer } from '../util/clock.js';
import type { DueRestart } from './secret.js';

/** Pause before an app that a deployment holds, or that could not be restarted, is tried again. */
export const RESTART_RETRY_MS = 2_000;

export interface SecretRestartsOptions {
  readonly store: Pick<StateStore, 'scan' | 'commit'>;
  readonly epoch: number;
  readonly deployments: Pick<Deployments, 'change' | 'affecting'>;
  readonly restart: (appId: AppId) => Prepare;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Restarts the apps whose secrets were given other values: each by a rolling deployment, once whatever deployment holds it is
 * over. What is due is durable with the new value and outlives restarts of the server; an app that two secrets ask it
 * for is restarted at least once after both.
 */
export class SecretRestarts {
  readonly #due = new Map<AppId, DueRestart>();
  #timer: Timer | undefined;
  #working = false;
  #stopped = false;

  constructor(private readonly options: SecretRestartsOptions) {}

  async start(): Promise<void> {
    const { store, log } = this.options;
    const onCorrupt = ({ key, problem }: { key: string; problem: string }): void =>
      log.error('an app may miss a restart for a changed secret', { key, problem });
    for await (const { value } of store.scan(keys.secretRestart(''), { onCorrupt })) {
      const due = value as DueRestart;
      this.#due.set(due.appId, due);
    }
    void this.#work();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** How many apps wait for it. */
  get size(): number {
    return this.#due.size;
  }

  /** They are durable. */
  add(due: readonly DueRestart[]): void {
    for (const each of due) this.#due.set(each.appId, each);
    if (due.length > 0) void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#working || this.#stopped) return;
    this.#working = true;
    for (const due of [...this.#due.values()]) if (!this.#stopped) await this.#restart(due);
    this.#working = false;
    this.#timer?.cancel();
    if (this.#due.size > 0 && !this.#stopped)
      this.#timer = this.options.clock.after(RESTART_RETRY_MS, () => void this.#work());
  }

  async #restart(due: DueRestart): Promise<void> {
    const { deployments, restart, log } = this.options;
    const { appId, path, by } = due;
    if (deployments.affecting(appId).length > 0) return;
    try {
      const { deploymentId } = await deployments.change(restart(appId), { force: false, by });
      log.info('an app is restarted for a changed secret', { app: appId, secret: path, deploymentId });
    } catch (error) {
      if (!(error instanceof CatalogError && error.code === 'app-not-found')) {
        log.warn('an app is not yet restarted for a changed secret', { app: appId, error: String(error) });
        return;
      }
    }
    await this.#done(due);
  }

  /** One that came meanwhile stays due. */
  async #done(due: DueRestart): Promise<void> {
    const { store, epoch, log } = this.options;
    if (this.#due.get(due.appId) !== due) return;
    this.#due.delete(due.appId);
    try {
      await store.commit({ epoch, writes: [{ op: 'delete', key: keys.secretRestart(due.appId) }] });
    } catch (error) {
      log.warn('an app will be restarted once more for a changed secret', {
        app: due.appId,
        error: String(error),
      });
    }
  }
}
