import type { AppId, AppRecord } from '../apps/app.js';
import type { AppRegistry, TreeChange } from '../apps/app-registry.js';
import type { Steps } from '../util/steps.js';
import type { AppGroups } from './app-groups.js';
import type { Batch } from './change-queue.js';
import type { PlannedApp } from './decide/classify-change.js';
import { planInSteps } from './decide/plan.js';
import type { AcceptOptions, DeploymentStep } from './deployment.js';

/** The steps that lead there, in the tree as it will be with all that the batch holds. */
export function* deploymentSteps(
  planned: Map<AppId, PlannedApp>,
  tree: TreeChange,
  batch: Batch,
  { registry, groups }: { readonly registry: AppRegistry; readonly groups: AppGroups },
  { victims }: Pick<AcceptOptions, 'victims'>,
): Steps<DeploymentStep[]> {
  const own = new Map(tree.groups.map((change) => [change.groupId, change]));
  return yield* planInSteps({
    apps: planned,
    graph: {
      dependenciesOf: (appId) => recordIn(planned, batch, registry, appId)?.app.dependencies,
      appsUnder: (group) => appsUnder(planned, batch, groups, group),
      groupDependenciesOf: (group) => {
        const change = own.get(group);
        return (change ? change.after : registry.prospectiveGroup?.(group))?.dependencies ?? [];
      },
    },
    ...(victims ? { victims } : {}),
  });
}

function recordIn(
  planned: ReadonlyMap<AppId, PlannedApp>,
  batch: Batch,
  registry: AppRegistry,
  appId: AppId,
): AppRecord | undefined {
  const own = planned.get(appId);
  if (own) return own.after;
  return batch.records.has(appId) ? batch.records.get(appId) : registry.get(appId);
}

function appsUnder(
  planned: ReadonlyMap<AppId, PlannedApp>,
  batch: Batch,
  groups: AppGroups,
  group: string,
): Iterable<AppId> {
  const members = new Set(groups.appsUnder(group));
  const prefix = group === '/' ? '/' : `${group}/`;
  for (const appId of planned.keys()) if (appId.startsWith(prefix)) members.add(appId);
  for (const appId of batch.records.keys()) if (appId.startsWith(prefix)) members.add(appId);
  return members;
}
