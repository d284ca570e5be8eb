import type { AppId, AppRecord } from '../apps/app.js';
import type { AppsView } from '../apps/apps-view.js';
import { parentPath } from '../apps/path.js';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import { mayUse } from './decide/secret-path.js';
import { type SecretUses, secretUses } from './decide/secret-uses.js';
import type { SecretRestarts } from './restarts.js';
import type { DueRestart, SecretFacts } from './secret.js';
import type { PutResult, SecretBook } from './secret-book.js';

/** Apps that a refusal names. */
const MAX_TOLD_APPS = 20;

export interface SecretsOptions {
  readonly book: SecretBook;
  readonly restarts: Pick<SecretRestarts, 'add'>;
  /** All that is wanted, what is not durable yet included. */
  readonly apps: Pick<AppsView, 'get' | 'groups'>;
  /** Told the paths of secrets that have new values. */
  readonly changed: (paths: readonly string[]) => void;
  readonly log: Log;
}

/** Bytes in base64 by the secrets' paths, or why they are not for this app, as a sentence. */
export type Opened = { readonly values: Readonly<Record<string, string>> } | { readonly failure: string };

/** The secrets together with the apps that use them. */
export class Secrets {
  constructor(private readonly options: SecretsOptions) {}

  list(): readonly SecretFacts[] {
    return this.options.book.list();
  }

  /** Throws `secret-not-found`. */
  get(path: string): SecretFacts {
    const facts = this.options.book.get(path);
    if (facts === undefined) throw new CatalogError('secret-not-found', { path });
    return facts;
  }

  /** Apps that name the secret, by id. It looks at the apps that may use it. */
  usedBy(path: string): readonly AppId[] {
    return this.#users(path, ({ paths }) => paths.has(path));
  }

  /** Durable when it resolves; the restarts that it needs are then due, whatever happens. */
  async set(path: string, value: Buffer, by: DueRestart['by']): Promise<PutResult> {
    const { book, restarts, changed, log } = this.options;
    const result = await book.put({
      path,
      value,
      by,
      restarts: () => this.#users(path, (uses) => uses.restart.has(path)),
    });
    if (result.outcome === 'changed') changed([path]);
    restarts.add(result.restarts);
    const { version } = result.facts;
    log.info('a secret was set', {
      path,
      version,
      outcome: result.outcome,
      restarts: result.restarts.length,
    });
    return result;
  }

  /** Throws `secret-not-found`, and `secret-in-use` with the apps' ids. */
  async remove(path: string): Promise<void> {
    const removed = await this.options.book.remove(path, () => {
      const apps = this.usedBy(path);
      if (apps.length === 0) return;
      const told = apps.slice(0, MAX_TOLD_APPS);
      const more = apps.length > told.length ? ` and ${apps.length - told.length} more` : '';
      throw new CatalogError('secret-in-use', { path, apps: told.join(', ') + more }, undefined, {
        apps: told,
      });
    });
    if (!removed) throw new CatalogError('secret-not-found', { path });
    this.options.log.info('a secret was removed', { path });
  }

  key(): ReturnType<SecretBook['key']> {
    return this.options.book.key();
  }

  rotateKey(): ReturnType<SecretBook['rotateKey']> {
    return this.options.book.rotateKey();
  }

  /** For a task of an app that is being launched. An app gets no secret but those that it may use. */
  open(appId: AppId, paths: readonly string[]): Opened {
    const values: Record<string, string> = {};
    for (const path of paths) {
      if (!mayUse(appId, path)) return { failure: `secret ${path} is not for ${appId}` };
      try {
        const value = this.options.book.open(path);
        if (value === undefined) return { failure: `secret ${path} does not exist` };
        values[path] = value.toString('base64');
      } catch (error) {
        this.options.log.error('a secret cannot be opened', { path, error: (error as Error).message });
        return { failure: `secret ${path} cannot be opened; set it anew` };
      }
    }
    return { values };
  }

  /** Values that must not be kept of what an app printed: those that it gets now. */
  textsOf(app: AppRecord['app']): readonly string[] {
    return [...secretUses(app).paths].flatMap((path) => {
      try {
        return this.options.book.open(path)?.toString() ?? [];
      } catch {
        // It cannot be opened for the task either.
        return [];
      }
    });
  }

  #users(path: string, isUser: (uses: SecretUses) => boolean): readonly AppId[] {
    const { apps } = this.options;
    const users: AppId[] = [];
    for (const appId of apps.groups.appsUnder(parentPath(path))) {
      const app = apps.get(appId)?.app;
      if (app?.secrets !== undefined && isUser(secretUses(app))) users.push(appId);
    }
    return users.sort();
  }
}
