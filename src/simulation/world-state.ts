import type { AppRecord } from '../apps/app.js';
import { AppRegistryImpl } from '../apps/registry.js';
import type { Deployment } from '../deployments/deployment.js';
import { silentLog } from '../logging/log.js';
import type { Instance } from '../scheduler/instance.js';
import { MemoryStore } from '../store/memory-store.js';
import { keys } from '../store/state-store.js';
import { isGood } from './expectations.js';
import type { LiveTask } from './observer.js';
import type { RecordingDisk } from './recording-disk.js';
import type { SimServer } from './sim-server.js';

/** Everything that can be said of a world at one moment: what the server believes, what its store holds, what is true. */
export interface FinalState {
  readonly apps: readonly AppRecord[];
  readonly instances: readonly Instance[];
  readonly deployments: readonly Deployment[];
  readonly locked: readonly string[];
  readonly live: readonly LiveTask[];
  /** What another server would load. */
  readonly rebuilt: {
    readonly apps: readonly AppRecord[];
    readonly instances: readonly Instance[];
    readonly deployments: readonly Deployment[];
  };
}

export async function readFinalState(
  server: SimServer,
  disk: RecordingDisk,
  live: readonly LiveTask[],
): Promise<FinalState> {
  const apps = [...server.registry.all()];
  return {
    apps,
    instances: [...server.scheduler.instances.all()],
    deployments: server.deployments.all(),
    locked: apps.map(({ app }) => app.id).filter((id) => server.deployments.affecting(id).length > 0),
    live,
    rebuilt: {
      apps: await rebuiltApps(server, disk),
      instances: disk.below(keys.instance('')).map(([, value]) => value as Instance),
      deployments: disk.below(keys.deployment('')).map(([, value]) => value as Deployment),
    },
  };
}

async function rebuiltApps({ clock }: SimServer, disk: RecordingDisk): Promise<readonly AppRecord[]> {
  const store = new MemoryStore({ clock, log: silentLog, disk: disk.copy() });
  await store.open();
  const registry = new AppRegistryImpl({ store, servicePorts: { min: 10_000, max: 20_000 }, log: silentLog });
  await registry.load();
  return [...registry.all()];
}

/** What still differs from what is wanted, in words; empty when everything is as it should be. */
export function unrest(
  { scheduler, deployments, registry }: SimServer,
  live: readonly LiveTask[],
): readonly string[] {
  const found: string[] = [];
  if (scheduler.settling) found.push('the scheduler still waits for agents');
  for (const { plan, phase } of deployments.all()) {
    const waiting = deployments
      .waiting(plan.id)
      .map(({ instance, reason }) => `${instance ?? 'all'} ${reason}`);
    found.push(`deployment ${plan.id} is ${phase}: ${waiting.join(', ')}`);
  }
  const current = new Set<string>();
  for (const record of registry.all()) {
    const { id, instances: wanted } = record.app;
    const instances = scheduler.instances.ofApp(id);
    const good = instances.filter(
      (instance) => isGood(instance, record.app) && instance.launchHash === record.launchHash,
    );
    if (good.length !== wanted || instances.length !== wanted) {
      const conditions = instances.map(
        ({ condition, goal, takingOut }) => `${condition}/${goal}${takingOut ? `/${takingOut.phase}` : ''}`,
      );
      found.push(
        `${id} wants ${wanted}, has ${good.length} good of ${instances.length} (${conditions.join(' ')})`,
      );
    }
    for (const { task } of good) if (task) current.add(task.id);
  }
  if (scheduler.instances.size !== current.size)
    found.push(`${scheduler.instances.size} instances, ${current.size} of them serve`);
  for (const { info } of live)
    if (!current.delete(info.task_id.value)) found.push(`${info.task_id.value} lives and is not wanted`);
  for (const taskId of current) found.push(`${taskId} does not live`);
  return found;
}
