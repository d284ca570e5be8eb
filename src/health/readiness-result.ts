import type { ReadinessResult } from '../deployments/deployment.js';
import type { ProbeResult, ProbeTarget } from './health.js';
import type { TrackedTask } from './tracked-task.js';

/**
 * What a readiness probe says, as the API shows it. A task that could not be asked counts as having answered 504 with the
 * reason as text, as with Marathon; the answer is shown only when the check wants it kept.
 */
export function readinessResult(
  { record, task }: Pick<TrackedTask, 'record' | 'task'>,
  target: ProbeTarget,
  result: ProbeResult,
): ReadinessResult {
  const { host, path, port, protocol } = target;
  const name = record?.app.readinessChecks[0]?.name ?? 'readinessCheck';
  const unanswered = {
    status: 504,
    contentType: 'text/plain',
    body: `Marathon could not query ${protocol.toLowerCase()}://${host}:${port}${path}: ${result.cause ?? 'unknown'}`,
  };
  return {
    name,
    taskId: task.id,
    ready: result.ok,
    ...(target.keepResponse === true ? { lastResponse: result.response ?? unanswered } : {}),
  };
}
