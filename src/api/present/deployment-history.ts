import type { AppId } from '../../apps/app.js';
import type { Deployment, Deployments } from '../../deployments/deployment.js';
import { lightPlan } from '../../deployments/deployment-events.js';
import type { EndedDeployment } from '../../history/ended-deployment.js';
import { timestampMs } from '../../util/timestamp.js';

type Sees = (appId: AppId) => boolean;
type Shown = Readonly<Record<string, unknown>>;

/** A deployment that is over, without the apps that may not be seen; undefined when nothing of it may. */
export function presentEnded(entry: EndedDeployment, sees: Sees): Shown | undefined {
  const affectedApps = entry.affectedApps.filter(sees);
  if (affectedApps.length === 0 && entry.affectedApps.length > 0) return undefined;
  const { seq: _seq, affectedAppCount, ...rest } = entry;
  return {
    ...rest,
    state: 'finished',
    affectedApps,
    // The number of those that may not be seen is nobody's business either.
    affectedAppCount:
      affectedApps.length === entry.affectedApps.length ? affectedAppCount : affectedApps.length,
    steps: entry.steps.map(({ actions }) => ({ actions: actions.filter(({ app }) => sees(app)) })),
    waits: entry.waits.filter(({ app }) => sees(app)),
    durationSeconds: secondsBetween(timestampMs(entry.startedAt), timestampMs(entry.endedAt)),
  };
}

/** A running deployment in the same shape. */
export function presentUnended(
  { plan, by, startedAt, currentStep }: Deployment,
  model: Pick<Deployments, 'waits' | 'waiting'>,
  nowMs: number,
  sees: Sees,
): Shown | undefined {
  const apps = Object.keys(plan.transitions) as AppId[];
  const affectedApps = apps.filter(sees);
  if (affectedApps.length === 0 && apps.length > 0) return undefined;
  const { waits, untoldWaits } = model.waits?.(plan.id) ?? { waits: [], untoldWaits: 0 };
  return {
    id: plan.id,
    version: plan.version,
    state: 'running',
    by,
    startedAt,
    affectedApps,
    affectedAppCount: affectedApps.length,
    steps: lightPlan(plan).steps.map(({ actions }) => ({ actions: actions.filter(({ app }) => sees(app)) })),
    lastStep: currentStep,
    revertOf: plan.revertOf,
    waits: waits.filter(({ app }) => sees(app)),
    untoldWaits,
    waiting: model.waiting(plan.id).filter(({ app }) => sees(app)),
    durationSeconds: secondsBetween(timestampMs(startedAt), nowMs),
  };
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs) / 1_000;
}
