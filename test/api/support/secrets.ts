import { join } from 'node:path';
import type { AppId, AppRecord } from '../../../src/apps/app.js';
import { silentLog } from '../../../src/logging/log.js';
import { KeyFile } from '../../../src/secrets/key-file.js';
import type { DueRestart } from '../../../src/secrets/secret.js';
import { SecretBook } from '../../../src/secrets/secret-book.js';
import { Secrets, type SecretsOptions } from '../../../src/secrets/secrets.js';
import { MemoryDisk, MemoryStore } from '../../../src/store/memory-store.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

interface KnownApps {
  get(appId: AppId): AppRecord | undefined;
  all(): Iterable<AppRecord>;
}

/** The secrets as the server builds them, over a store in memory and a key file of their own. */
export class SecretWorld {
  readonly disk = new MemoryDisk();
  readonly keyPath = join(temporaryFolder('secrets'), 'secrets.key');
  readonly clock = new VirtualClock();
  readonly restarts: DueRestart[] = [];
  readonly changed: string[] = [];

  constructor(private readonly apps: KnownApps = { get: () => undefined, all: () => [] }) {}

  async store(): Promise<MemoryStore> {
    const store = new MemoryStore({ clock: this.clock, log: silentLog, disk: this.disk });
    await store.open();
    return store;
  }

  /** A fresh process on what is durable. */
  async open(store?: MemoryStore): Promise<{ readonly book: SecretBook; readonly secrets: Secrets }> {
    const { apps, clock } = this;
    const on = store ?? (await this.store());
    const book = new SecretBook({
      store: on,
      epoch: 1,
      keyFile: new KeyFile(this.keyPath),
      clock,
      log: silentLog,
    });
    await book.start();
    const groups = {
      appsUnder: (group: string) =>
        [...apps.all()].map(({ app }) => app.id).filter((id) => group === '/' || id.startsWith(`${group}/`)),
    } as unknown as SecretsOptions['apps']['groups'];
    const secrets = new Secrets({
      book,
      restarts: { add: (due) => void this.restarts.push(...due) },
      apps: { get: (appId) => apps.get(appId), groups },
      changed: (paths) => void this.changed.push(...paths),
      log: silentLog,
    });
    return { book, secrets };
  }
}
