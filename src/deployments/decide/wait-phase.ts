import type { App } from '../../apps/app.js';
import { standingOf } from '../../scheduler/cohort.js';
import { type Instance, isTerminal } from '../../scheduler/instance.js';
import { gateOf, obstacleOf } from './gating.js';
import { isUnreachable } from './instance-buckets.js';

/** What an instance can wait for, in the order of its life. */
export type WaitPhase = 'offer' | 'staging' | 'health' | 'readiness' | 'agent' | 'drain' | 'kill-grace';

/** What an instance waits for as it stands; undefined: for nothing. `app`: what it shall become, undefined when it goes. */
export function waitPhase(instance: Instance | undefined, app: App | undefined): WaitPhase | undefined {
  if (instance === undefined) return undefined;
  if (isUnreachable(instance)) return 'agent';
  if (instance.takingOut?.phase === 'draining') return 'drain';
  if (instance.takingOut?.phase === 'killing' || instance.condition === 'Killing') return 'kill-grace';
  if (instance.goal !== 'Running' || app === undefined) return undefined;
  if (instance.condition === 'Scheduled' || isTerminal(instance.condition)) return 'offer';
  switch (obstacleOf(standingOf(instance), gateOf(app))) {
    case 'not-running':
      return 'staging';
    case 'health':
      return 'health';
    case 'readiness':
      return 'readiness';
    default:
      return undefined;
  }
}
