import type { AppId } from '../../apps/app.js';
import type { Deployment, DeploymentAction, DeploymentReadModel } from '../../deployments/deployment.js';

function presentAction({ action, app }: DeploymentAction): { readonly action: string; readonly app: AppId } {
  return { action, app };
}

/**
 * A running deployment as `GET /v2/deployments` lists it. `currentStep` is 0, with empty `currentActions`, between
 * acceptance and the first step. `startedAt`, `deadline`, `overdue` and `waiting` are longrun's.
 */
export function presentDeployment(
  deployment: Deployment,
  model: Pick<DeploymentReadModel, 'waiting' | 'readinessResults'>,
): Readonly<Record<string, unknown>> {
  const { plan, currentStep } = deployment;
  const affected = new Set<AppId>();
  for (const step of plan.steps) for (const { app } of step.actions) affected.add(app);
  const current = currentStep > 0 ? (plan.steps[currentStep - 1]?.actions ?? []) : [];
  return {
    id: plan.id,
    version: plan.version,
    affectedApps: [...affected],
    affectedPods: [],
    steps: plan.steps.map((step) => ({ actions: step.actions.map(presentAction) })),
    currentActions: current.map((action) => ({
      ...presentAction(action),
      readinessCheckResults: model.readinessResults(action.app),
    })),
    currentStep,
    totalSteps: plan.steps.length,
    startedAt: deployment.startedAt,
    deadline: deployment.deadline,
    overdue: deployment.overdue,
    waiting: model.waiting(plan.id).map(({ app, instance, reason }) => ({ app, instance, reason })),
  };
}
