/** What an app says about relaunching after failures. */
export interface BackoffPolicy {
  readonly backoffSeconds: number;
  readonly backoffFactor: number;
  readonly maxLaunchDelaySeconds: number;
}

/**
 * Launch backoff of one app (Marathon reference 7.4). `key` is its lastConfigChangeAt: a changed definition starts afresh.
 * Times are monotonic milliseconds.
 */
export interface BackoffState {
  readonly key: string;
  readonly referenceMs: number;
  readonly delayMs: number;
}

/**
 * The state if it still counts: same definition, and the launch that it delayed was not allowed longer ago than the longest
 * delay. Launches come a little later than they may: counted from the failure, the longest delay would always be forgotten.
 */
export function currentBackoff(
  state: BackoffState | undefined,
  policy: BackoffPolicy,
  key: string,
  nowMs: number,
): BackoffState | undefined {
  if (!state || state.key !== key) return undefined;
  const allowedAtMs = state.referenceMs + state.delayMs;
  return nowMs > allowedAtMs + policy.maxLaunchDelaySeconds * 1_000 ? undefined : state;
}

/** After a failure: the first delay is backoffSeconds, each later one grows by the factor, never above the maximum. */
export function afterFailure(
  state: BackoffState | undefined,
  policy: BackoffPolicy,
  key: string,
  nowMs: number,
): BackoffState {
  const current = currentBackoff(state, policy, key, nowMs);
  const grown = current ? current.delayMs * policy.backoffFactor : policy.backoffSeconds * 1_000;
  return { key, referenceMs: nowMs, delayMs: Math.min(policy.maxLaunchDelaySeconds * 1_000, grown) };
}

/** After progress of a launch: the delay stays known (so that the next failure grows from it), counted from now. */
export function afterProgress(
  state: BackoffState | undefined,
  policy: BackoffPolicy,
  key: string,
  nowMs: number,
): BackoffState | undefined {
  const current = currentBackoff(state, policy, key, nowMs);
  return current && { ...current, referenceMs: nowMs };
}

/**
 * When the next launch is allowed, undefined when now. `afterProgress` moves the reference too: as in Marathon, an app
 * that has failed lately launches its next instance a delay after the last launch that got on.
 */
export function launchAllowedAtMs(
  state: BackoffState | undefined,
  policy: BackoffPolicy,
  key: string,
  nowMs: number,
): number | undefined {
  const current = currentBackoff(state, policy, key, nowMs);
  if (!current) return undefined;
  const atMs = current.referenceMs + current.delayMs;
  return atMs > nowMs ? atMs : undefined;
}
