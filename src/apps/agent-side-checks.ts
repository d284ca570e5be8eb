import type { HealthCheck } from './app.js';

/** Whether the agent carries a check out, rather than the scheduler: it is part of the launch then. */
export function isAgentSide({ protocol }: Pick<HealthCheck, 'protocol'>): boolean {
  return protocol !== 'HTTP' && protocol !== 'HTTPS' && protocol !== 'TCP';
}

export function agentSideChecks(checks: readonly HealthCheck[]): readonly HealthCheck[] {
  return checks.filter(isAgentSide);
}
