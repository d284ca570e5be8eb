import type { App } from '../apps/app.js';
import type { AppRegistryImpl } from '../apps/registry.js';
import type { Settings } from '../config/settings.js';
import type { WorkDir } from '../config/work-dir.js';
import type { Master } from '../embedded-mesos/master/master.js';
import { DeploymentHistory } from '../history/deployment-history.js';
import { OutputReader } from '../history/output-reader.js';
import { TaskHistory } from '../history/task-history.js';
import type { Log } from '../logging/log.js';
import type { StateStore } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';

export interface History {
  readonly deployments: DeploymentHistory;
  readonly tasks: TaskHistory;
  stop(): Promise<void>;
}

interface Surroundings {
  readonly settings: Settings;
  readonly workDir: WorkDir;
  readonly clock: Clock;
  readonly log: Log;
}

/** Builds what remembers, and finds what it remembers; scheduler and deployments write through it. Rejects with StoreError. */
export async function startHistory(
  { settings, workDir, clock, ...around }: Surroundings,
  store: StateStore,
  epoch: number,
  registry: Pick<AppRegistryImpl, 'remembers'>,
  master: Pick<Master, 'agent'>,
  secretsOf: (app: App) => readonly string[],
): Promise<History> {
  const log = around.log.child('history');
  const reader = new OutputReader({
    agents: { byId: (agentId) => master.agent(agentId) },
    agentToken: workDir.token,
  });
  const deployments = new DeploymentHistory({ store, capacity: settings.deploymentHistory, log });
  const tasks = new TaskHistory({
    store,
    epoch,
    reader,
    secretsOf,
    isForgotten: (appId) => !registry.remembers(appId),
    limits: { perOwner: settings.taskHistoryPerApp, overall: settings.taskHistory },
    clock,
    log,
  });
  await Promise.all([deployments.start(), tasks.load()]);
  return {
    deployments,
    tasks,
    stop: async () => {
      await tasks.stop();
      await reader.stop();
    },
  };
}
