import type { AppId } from '../../apps/app.js';
import type { Deployment, DeploymentAction, DeploymentReadModel } from '../../deployments/deployment.js';

function presentAction({ action, app }: DeploymentAction): { readonly action: string; readonly app: AppId } {
  return { action, app };
}

/**
 * A running deployment as `GET /v2/deployments` lists it. `currentStep` is 0, with empty `currentActions`, between
 * acceptance and the first step. `startedAt`, `deadline`, `overdue`, `by` and `waiting` are longrun's. Apps that `sees` says
 * no to are left out; undefined when nothing is left.
 */
export function presentDeployment(
  deployment: Deployment,
  model: Pick<DeploymentReadModel, 'waiting' | 'readinessResults'>,
  sees: (appId: AppId) => boolean = () => true,
): Readonly<Record<string, unknown>> | undefined {
  const { plan, currentStep } = deployment;
  const steps = plan.steps.map(({ actions }) => actions.filter(({ app }) => sees(app)));
  const affected = new Set<AppId>(steps.flatMap((actions) => actions.map(({ app }) => app)));
  if (affected.size === 0 && plan.steps.some(({ actions }) => actions.length > 0)) return undefined;
  const current = currentStep > 0 ? (steps[currentStep - 1] ?? []) : [];
  return {
    id: plan.id,
    version: plan.version,
    affectedApps: [...affected],
    affectedPods: [],
    steps: steps.map((actions) => ({ actions: actions.map(presentAction) })),
    currentActions: current.map((action) => ({
      ...presentAction(action),
      readinessCheckResults: model.readinessResults(action.app),
    })),
    currentStep,
    totalSteps: steps.length,
    startedAt: deployment.startedAt,
    deadline: deployment.deadline,
    overdue: deployment.overdue,
    by: deployment.by,
    waiting: model
      .waiting(plan.id)
      .filter(({ app }) => sees(app))
      .map(({ app, instance, reason }) => ({ app, instance, reason })),
  };
}
