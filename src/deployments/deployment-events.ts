import type { AppId } from '../apps/app.js';
import { parentPath } from '../apps/path.js';
import type { EventBody } from '../events/event-bus.js';
import type { Timestamp } from '../util/timestamp.js';
import type { DeploymentPlan, DeploymentStep } from './deployment.js';

/** A plan as events and answers show it: without definitions and victims. */
export interface LightPlan {
  readonly id: string;
  readonly steps: readonly {
    readonly actions: readonly { readonly action: string; readonly app: AppId }[];
  }[];
  readonly version: Timestamp;
}

export const CANCELLED_REASON = 'The upgrade has been cancelled';

export function lightPlan({ id, steps, version }: DeploymentPlan): LightPlan {
  return { id, steps: steps.map(lightStep), version };
}

function lightStep({ actions }: DeploymentStep): LightPlan['steps'][number] {
  return { actions: actions.map(({ action, app }) => ({ action, app })) };
}

/** The group a change is told for: the parent of the one app, the root when there are several (Marathon reference 8). */
export function changedGroup(apps: readonly AppId[]): string {
  const [only, second] = apps;
  return only !== undefined && second === undefined ? parentPath(only) : '/';
}

export const deploymentEvents = {
  accepted: (groupId: string, version: Timestamp): EventBody => ({
    eventType: 'group_change_success',
    groupId,
    version,
  }),
  refused: (groupId: string, version: Timestamp, reason: string): EventBody => ({
    eventType: 'group_change_failed',
    groupId,
    version,
    reason,
  }),
  stepBegins: (plan: LightPlan, step: number): EventBody => ({
    eventType: 'deployment_info',
    plan,
    currentStep: plan.steps[step - 1] ?? { actions: [] },
  }),
  stepDone: (plan: LightPlan, step: number): EventBody => ({
    eventType: 'deployment_step_success',
    plan,
    currentStep: plan.steps[step - 1] ?? { actions: [] },
  }),
  stepFailed: (plan: LightPlan, step: number): EventBody => ({
    eventType: 'deployment_step_failure',
    plan,
    currentStep: plan.steps[step - 1] ?? { actions: [] },
  }),
  succeeded: (plan: LightPlan): EventBody => ({ eventType: 'deployment_success', id: plan.id, plan }),
  cancelled: (plan: LightPlan): EventBody => ({
    eventType: 'deployment_failed',
    id: plan.id,
    plan,
    reason: CANCELLED_REASON,
  }),
  appTerminated: (appId: AppId): EventBody => ({ eventType: 'app_terminated_event', appId }),
} as const;
