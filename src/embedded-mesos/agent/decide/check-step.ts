import type { TaskStatus } from '../../protocol/v1.js';
import type { CheckNews } from '../checks/task-checks.js';
import type { TaskRecord } from '../task-record.js';
import { killGraceMs } from './admit-task.js';
import { type StatusFacts, statusOf } from './status.js';
import type { TaskEffect, TaskStep } from './task-step.js';

const HEALTH_REASON = 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED';
const CHECK_REASON = 'REASON_TASK_CHECK_STATUS_UPDATED';

/**
 * What a check has to say of a running task, as a status; and the end of a task that was unhealthy for too long, which then
 * ends as one that was killed. Nothing of one that is on its way out anyway.
 */
export function checkNews(record: TaskRecord, news: CheckNews, facts: StatusFacts): TaskStep {
  if (record.phase !== 'running') return { record, effects: [] };
  if (news.type === 'check') {
    const status = {
      ...statusOf(record, { state: 'TASK_RUNNING', reason: CHECK_REASON }, facts),
      check_status: news.status,
    };
    return told(record, status);
  }
  const { track, failure, kill } = news;
  const status = {
    ...statusOf(
      record,
      {
        state: 'TASK_RUNNING',
        reason: HEALTH_REASON,
        ...(failure !== undefined && { message: `The health check failed: ${failure}` }),
      },
      facts,
    ),
    healthy: track.healthy === true,
  };
  const step = told({ ...record, health: { failures: track.failures } }, status);
  if (!kill) return step;
  const graceMs = killGraceMs(record.task, undefined);
  const effect: TaskEffect = { type: 'kill-container', graceMs };
  return {
    record: { ...step.record, phase: 'killing', killGraceMs: graceMs },
    effects: [...step.effects, effect],
  };
}

/**
 * News that waits behind others for its turn gives way to newer news of its kind: however long nobody acknowledges, a task has
 * few updates to send.
 */
function told(record: TaskRecord, status: TaskStatus): TaskStep {
  const { updates } = record;
  const last = updates.length > 1 ? updates.at(-1) : undefined;
  const kept = last?.state === status.state && last.reason === status.reason ? updates.slice(0, -1) : updates;
  return {
    record: { ...record, updates: [...kept, status], latest: status },
    effects: updates.length === 0 ? [{ type: 'send-update' }] : [],
  };
}
