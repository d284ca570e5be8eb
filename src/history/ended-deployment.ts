import type { AppId } from '../apps/app.js';
import type { ChangeAuthor, DeploymentEnd } from '../deployments/deployment.js';
import type { LightPlan } from '../deployments/deployment-events.js';
import type { Timestamp } from '../util/timestamp.js';

/** Apps and actions of one plan that are kept; what lies beyond is only counted. */
export const MAX_KEPT_ACTIONS = 500;

/** A deployment that is over, as it is stored. */
export interface EndedDeployment
  extends Pick<DeploymentEnd, 'result' | 'why' | 'revertOf' | 'waits' | 'untoldWaits'> {
  /** Grows from one to the next. */
  readonly seq: number;
  readonly id: string;
  readonly version: Timestamp;
  readonly by?: ChangeAuthor;
  readonly startedAt: Timestamp;
  readonly endedAt: Timestamp;
  readonly affectedApps: readonly AppId[];
  /** Also those that are not named. */
  readonly affectedAppCount: number;
  readonly steps: LightPlan['steps'];
  /** The step that it was in; 0 before the first. */
  readonly lastStep: number;
}
