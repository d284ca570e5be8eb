import { isAgentSide } from '../../apps/agent-side-checks.js';
import type { HealthCheck } from '../../apps/app.js';
import type { AgentHealth, HealthCheckResult } from '../../scheduler/instance.js';
import { timestampMs } from '../../util/timestamp.js';
import { laterThan, type Verdict } from './verdict.js';

/** Which of an app's checks its agent reports on: the first that it carries out; -1: none. */
export function agentCheckIndex(checks: readonly HealthCheck[]): number {
  return checks.findIndex(isAgentSide);
}

/**
 * What an agent's word means for its check. Grace and the end of a task that fails too often are the agent's own business.
 * Said again (by a reconciliation, after a restart), it changes nothing. The opposite of what is known is news whatever its
 * time: the agent's clock may have been set back.
 */
export function judgeAgentWord(before: HealthCheckResult | undefined, said: AgentHealth): Verdict {
  const { healthy, at, message } = said;
  const known = healthy ? before?.lastSuccess : before?.lastFailure;
  if (before?.alive === healthy && known !== undefined && timestampMs(known) >= timestampMs(at))
    return { after: before, failureCounted: false, aliveChanged: false };
  if (healthy) {
    const success = laterThan(at, before?.lastFailure);
    const after: HealthCheckResult = {
      ...before,
      alive: true,
      consecutiveFailures: 0,
      firstSuccess: before?.firstSuccess ?? success,
      lastSuccess: success,
    };
    return { after, failureCounted: false, aliveChanged: before?.alive !== true };
  }
  const after: HealthCheckResult = {
    ...before,
    alive: false,
    consecutiveFailures: (before?.consecutiveFailures ?? 0) + 1,
    lastFailure: laterThan(at, before?.lastSuccess),
    lastFailureCause: message ?? 'unknown',
  };
  return { after, failureCounted: true, aliveChanged: before?.alive === true };
}
