import type { AppId } from '../../apps/app.js';
import { type Cohort, standingOf } from '../../scheduler/cohort.js';
import { type Instance, isTerminal } from '../../scheduler/instance.js';
import type { QueueEntry } from '../../scheduler/scheduler.js';
import type { AppTransition, DeploymentAction, Waiting } from '../deployment.js';
import { gateOf, obstacleOf } from './gating.js';
import { isUnreachable } from './instance-buckets.js';
import { upgradeCapacity } from './upgrade-capacity.js';

/** More reasons than anyone reads are cut; the last one says so. */
export const MAX_WAITING_REASONS = 100;
const REFUSALS_NAMED = 3;
const OLDER_DEFINITION = 'is of an older definition: replaced when enough new ones are good';

export interface WaitingInput {
  readonly action: DeploymentAction;
  readonly transition: AppTransition;
  readonly cohorts: readonly Cohort[];
  /** What the launch queue says about the app. */
  readonly queue: QueueEntry | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly nowWallMs: number;
}

/**
 * What an action still waits for, in words, instance by instance, what merely waits for the others last; not many more than
 * are shown, and only so many looked at.
 */
export function waitingReasons(input: WaitingInput): Waiting[] {
  const { app, action } = input.action;
  const waiting: Waiting[] = [];
  let leaving = 0;
  let staying = 0;
  const wanted = input.transition.after?.launchHash;
  const isOld = ({ standing }: Cohort): boolean => standing.launchHash !== wanted;
  const ordered = [...input.cohorts].sort((a, b) => Number(isOld(a)) - Number(isOld(b)));
  for (const { standing, members } of ordered) {
    if (standing.goal === 'Running') staying += members.size;
    else leaving += members.size;
    for (const instance of members.values()) {
      const reason = waiting.length > MAX_WAITING_REASONS ? undefined : reasonOf(instance, input);
      // Of those that stand alike either all wait for something or none.
      if (reason === undefined) break;
      waiting.push({ app, instance: instance.id, reason });
    }
  }
  const isEffect = ({ reason }: Waiting): number => Number(reason === OLDER_DEFINITION);
  waiting.sort((a, b) => isEffect(a) - isEffect(b) || ((a.instance ?? '') < (b.instance ?? '') ? -1 : 1));
  const record = input.transition.after;
  if (record && action !== 'StopApplication' && leaving > 0 && staying < record.app.instances) {
    const { maxCapacity } = upgradeCapacity(record.app);
    waiting.push({
      app,
      reason: `starts more when those leaving are gone: at most ${maxCapacity} at a time`,
    });
  }
  return waiting;
}

/** An action of a later step. */
export function waitsForEarlierSteps(app: AppId, step: number): Waiting {
  return { app, reason: `waits for what it depends on: its turn comes in step ${step}` };
}

/** The first reasons, and whether there are more. */
export function cutWaiting(waiting: readonly Waiting[]): readonly Waiting[] {
  const first = waiting[MAX_WAITING_REASONS - 1];
  if (waiting.length <= MAX_WAITING_REASONS || !first) return waiting;
  return [...waiting.slice(0, MAX_WAITING_REASONS - 1), { app: first.app, reason: 'and more' }];
}

function reasonOf(instance: Instance, input: WaitingInput): string | undefined {
  const { takingOut } = instance;
  if (isUnreachable(instance)) {
    if (instance.goal !== 'Running') return undefined;
    return `its agent is unreachable since ${instance.unreachableSince ?? instance.since}`;
  }
  if (takingOut?.phase === 'draining') return `drains before it is stopped (${takingOut.reason})`;
  if (takingOut?.phase === 'killing' || instance.condition === 'Killing') return 'is being killed';
  const record = input.transition.after;
  if (!record || instance.goal !== 'Running') return 'is being stopped';
  if (instance.condition === 'Scheduled' || isTerminal(instance.condition)) return queueReason(input);
  if (instance.launchHash !== record.launchHash) return OLDER_DEFINITION;
  switch (obstacleOf(standingOf(instance), gateOf(record.app))) {
    case 'not-running':
      return startReason(instance);
    case 'health':
      return healthReason(instance);
    case 'readiness':
      return 'waits for its readiness check to succeed';
    case 'leaving':
      return 'is being stopped';
    default:
      return undefined;
  }
}

/** With what its agent says of it: a pull's progress, an engine out of reach. */
function startReason({ task, condition }: Instance): string {
  const said = condition === 'Staging' && task?.message !== undefined ? `: ${task.message}` : '';
  return `starts on ${task?.hostname ?? 'an agent'} (${condition})${said}`;
}

function healthReason(instance: Instance): string {
  const health = instance.health?.taskId === instance.task?.id ? instance.health : undefined;
  const cause = health?.results.find(
    (result) => result && !result.alive && result.lastFailureCause,
  )?.lastFailureCause;
  const words = health?.healthy === false ? 'is unhealthy' : 'waits for its health check to succeed';
  return cause ? `${words}: ${cause}` : words;
}

function queueReason({ queue, nowWallMs }: WaitingInput): string {
  if (queue?.backoffUntil && Date.parse(queue.backoffUntil) > nowWallMs) {
    return `is launched again after its delay, at ${queue.backoffUntil}`;
  }
  const refusals = queue?.lastRefusals ?? [];
  if (refusals.length === 0) return 'waits for an offer';
  const named = refusals
    .slice(0, REFUSALS_NAMED)
    .map(
      ({ hostname, explanation, reasons }) =>
        `${hostname}: ${(explanation.length > 0 ? explanation : reasons).join(', ')}`,
    );
  const more = refusals.length > REFUSALS_NAMED ? `; and ${refusals.length - REFUSALS_NAMED} more` : '';
  return `no agent's offer fits: ${named.join('; ')}${more}`;
}
