import type { AppId } from '../../apps/app.js';
import type { Deployment } from '../deployment.js';

/**
 * A record that this program wrote, checked as far as going on with it depends on it; or what is wrong with it.
 */
export function readStoredDeployment(value: unknown): Deployment | { readonly problem: string } {
  const deployment = value as Partial<Deployment> | null;
  const plan = deployment?.plan;
  if (typeof plan?.id !== 'string' || typeof plan.version !== 'string') return { problem: 'it has no plan' };
  if (!Array.isArray(plan.steps) || typeof plan.transitions !== 'object' || plan.transitions === null)
    return { problem: 'its plan has no steps or says not what the apps become' };
  if (!Number.isInteger(deployment?.currentStep)) return { problem: 'it does not say how far it came' };
  if (plan.groups !== undefined && !Array.isArray(plan.groups))
    return { problem: 'its plan does not say what the groups become' };
  const transitions: Readonly<Record<string, unknown>> = plan.transitions;
  for (const { actions } of plan.steps as readonly {
    readonly actions?: readonly { readonly app: AppId }[];
  }[]) {
    if (!Array.isArray(actions)) return { problem: 'a step of its plan has no actions' };
    const lost = actions.find(({ app }) => transitions[app] === undefined);
    if (lost) return { problem: `its plan acts on ${String(lost.app)} without saying what that becomes` };
  }
  return deployment as Deployment;
}
