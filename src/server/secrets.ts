import { join } from 'node:path';
import { parseTaskId } from '../api/decide/task-id.js';
import type { AppChanges } from '../apps/app-changes.js';
import type { AppRegistryImpl } from '../apps/registry.js';
import { CertificateBook } from '../certificates/certificate-book.js';
import type { WorkDir } from '../config/work-dir.js';
import type { Deployments } from '../deployments/deployment.js';
import type { OpenedSecrets } from '../embedded-mesos/master/parts.js';
import type { Log } from '../logging/log.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { KeyFile } from '../secrets/key-file.js';
import { SecretRestarts } from '../secrets/restarts.js';
import { SecretBook } from '../secrets/secret-book.js';
import { Secrets } from '../secrets/secrets.js';
import type { StateStore } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';

interface Surroundings {
  readonly workDir: WorkDir;
  readonly clock: Clock;
  readonly log: Log;
}

/** Rooms that exist only after the secrets do. */
interface Later {
  readonly scheduler: Pick<Scheduler, 'frameworkId'>;
  readonly deployments: Pick<Deployments, 'change' | 'affecting'>;
  readonly changes: Pick<AppChanges, 'restartApp'>;
}

/** What the server does with secrets, beside its other rooms. */
export interface ServerSecrets {
  readonly secrets: Secrets;
  /** Sealed with the same keys. */
  readonly certificates: CertificateBook;
  /** For the master: what a task on an agent refers to. */
  open(frameworkId: string, taskId: string, names: readonly string[]): OpenedSecrets;
  has(path: string): boolean;
  /** From now on apps are restarted. */
  start(later: Later): Promise<void>;
  stop(): void;
}

/** Reads the secrets. Rejects with StoreError, or with a sentence when their key file cannot be used. */
export async function openSecrets(
  { workDir, clock, ...around }: Surroundings,
  store: StateStore,
  epoch: number,
  registry: Pick<AppRegistryImpl, 'prospect'>,
  changed: (paths: readonly string[]) => void,
): Promise<ServerSecrets> {
  const log = around.log.child('secrets');
  const keyFile = new KeyFile(join(workDir.path, 'secrets.key'));
  const certificates = new CertificateBook({
    store,
    epoch,
    keyFile,
    clock,
    log: around.log.child('certificates'),
  });
  await certificates.start();
  const book = new SecretBook({
    store,
    epoch,
    keyFile,
    alsoReseal: () => certificates.reseal(),
    clock,
    log,
  });
  await book.start();
  let restarts: SecretRestarts | undefined;
  let later: Later | undefined;
  const secrets = new Secrets({
    book,
    restarts: { add: (due) => restarts?.add(due) },
    apps: registry.prospect,
    changed,
    log,
  });
  return {
    secrets,
    certificates,
    open: (frameworkId, taskId, names) => {
      const appId = parseTaskId(taskId)?.appId;
      // Whoever else launches tasks here has no apps, and so no secrets.
      if (appId === undefined || frameworkId !== later?.scheduler.frameworkId)
        return { failure: 'secrets are for tasks of apps only' };
      return secrets.open(appId, names);
    },
    has: (path) => book.has(path),
    start: async (rooms) => {
      later = rooms;
      const { deployments, changes } = rooms;
      restarts = new SecretRestarts({
        store,
        epoch,
        deployments,
        restart: (appId) => changes.restartApp(appId),
        clock,
        log,
      });
      await restarts.start();
    },
    stop: () => restarts?.stop(),
  };
}
