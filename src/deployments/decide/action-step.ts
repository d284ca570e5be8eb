import type { Cohort } from '../../scheduler/cohort.js';
import { assertNever } from '../../util/assert.js';
import type { AppTransition, DeploymentAction } from '../deployment.js';
import { sortCohorts } from './instance-buckets.js';
import { rollingStep } from './rolling-step.js';
import { scaleStep } from './scale-step.js';
import type { SelectVictims, StepDecision } from './step-decision.js';
import { stopStep } from './stop-step.js';

const nothing: StepDecision = { start: 0, stop: [], reason: 'surplus', done: true };

/**
 * The next move of one action of a plan. A ScaleApplication that meets instances of another definition, left by a plan
 * that was cancelled half-way, replaces them on its way: nothing stays mixed.
 */
export function actionStep(
  action: DeploymentAction,
  transition: AppTransition,
  cohorts: Iterable<Cohort>,
  selectVictims: SelectVictims,
): StepDecision {
  const victims = action.victims ? { victims: action.victims } : {};
  switch (action.action) {
    case 'StartApplication':
      return nothing;
    case 'StopApplication':
      return stopStep(cohorts);
    case 'ScaleApplication': {
      const record = transition.after;
      if (!record) return stopStep(cohorts);
      const rolling = record.app.instances > 0 && sortCohorts(record, cohorts).old.length > 0;
      if (rolling) return rollingStep({ record, cohorts, ...victims, selectVictims });
      return scaleStep({ record, cohorts, ...victims, awaitHealthy: grows(transition), selectVictims });
    }
    case 'RestartApplication': {
      const record = transition.after;
      if (!record) return stopStep(cohorts);
      return rollingStep({ record, cohorts, ...victims, selectVictims });
    }
    default:
      return assertNever(action.action, 'deployment action');
  }
}

/** Whether the action is about getting instances up, so that their health is worth waiting for. */
function grows({ before, after, continues }: AppTransition): boolean {
  if (continues || !before || !after) return true;
  return after.app.instances >= before.app.instances;
}
