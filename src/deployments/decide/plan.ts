import type { AppId } from '../../apps/app.js';
import type { InstanceId } from '../../scheduler/instance.js';
import { finish, type Steps } from '../../util/steps.js';
import type { ActionName, DeploymentAction, DeploymentStep } from '../deployment.js';
import { classifyChange, type PlannedApp } from './classify-change.js';
import { type DependencyGraph, layersInSteps } from './dependency-layers.js';

export interface PlanInput {
  readonly apps: ReadonlyMap<AppId, PlannedApp>;
  /** The wanted tree, the changes included. */
  readonly graph: DependencyGraph;
  /** Instances named by kill-and-scale, by app. */
  readonly victims?: Readonly<Record<AppId, readonly InstanceId[]>>;
}

/**
 * The steps from the old to the new records (Marathon reference 5.2): all stops in one step; one StartApplication per
 * new app (it does nothing, clients know it); then layer by layer, what depends on nothing first. Empty steps are left
 * out; apps whose change applies in place take no step.
 */
export function planSteps(input: PlanInput): DeploymentStep[] {
  return finish(planInSteps(input));
}

/** As `planSteps`, a step per app. */
export function* planInSteps({ apps, graph, victims }: PlanInput): Steps<DeploymentStep[]> {
  const stops: DeploymentAction[] = [];
  const starts: DeploymentAction[] = [];
  const layered = new Map<AppId, ActionName>();
  for (const [app, planned] of apps) {
    const action = classifyChange(planned);
    if (action === 'StopApplication') stops.push({ action, app });
    else if (action) {
      if (!planned.before) starts.push({ action: 'StartApplication', app });
      layered.set(app, action);
    }
    yield;
  }
  const layers = (yield* layersInSteps([...layered.keys()], graph)).map((members) =>
    members.map((app) => actionOn(app, layered.get(app) ?? 'ScaleApplication', victims?.[app])),
  );
  return [stops, starts, ...layers].filter((actions) => actions.length > 0).map((actions) => ({ actions }));
}

function actionOn(
  app: AppId,
  action: ActionName,
  victims: readonly InstanceId[] | undefined,
): DeploymentAction {
  return victims && victims.length > 0 ? { action, app, victims } : { action, app };
}

/**
 * Where a plan begins or resumes (1-based): `currentStep` as it was stored, but never at a leading step that does
 * nothing: passing those is not stored, so after a restart they must not show again.
 */
export function resumeStep(steps: readonly DeploymentStep[], currentStep: number): number {
  return Math.max(currentStep, firstWorkingStep(steps));
}

/** 1-based; past the end when no step does anything. */
export function firstWorkingStep(steps: readonly DeploymentStep[]): number {
  const index = steps.findIndex(({ actions }) => actions.some(({ action }) => action !== 'StartApplication'));
  return index < 0 ? steps.length + 1 : index + 1;
}
