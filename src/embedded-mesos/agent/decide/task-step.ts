import { assertNever } from '../../../util/assert.js';
import type { ContainerEnd } from '../../containers/containerizer.js';
import { isTerminalState, type TaskStatus } from '../../protocol/v1.js';
import type { CheckNews } from '../checks/task-checks.js';
import type { TaskRecord } from '../task-record.js';
import { checkNews } from './check-step.js';
import { type Outcome, outcomeOfEnd, type StatusFacts, statusOf } from './status.js';

/** What can happen to a task. */
export type TaskEvent =
  | { readonly type: 'started'; readonly pid: number; readonly ipAddress?: string }
  | { readonly type: 'ended'; readonly end: ContainerEnd }
  | { readonly type: 'kill'; readonly graceMs: number }
  /** It may not or cannot be run; nothing of it is there. */
  | { readonly type: 'refused'; readonly outcome: Outcome }
  /** All its files are in its sandbox. */
  | { readonly type: 'fetched' }
  /** Its files were not waited for any longer, since its end was asked for. */
  | { readonly type: 'fetch-cancelled' }
  /** It broke a rule that the agent enforces. */
  | { readonly type: 'breached'; readonly outcome: Outcome }
  | { readonly type: 'checked'; readonly news: CheckNews }
  | { readonly type: 'acknowledged'; readonly uuid: string };

/** What is to be done, after the new record is durable. */
export type TaskEffect =
  | { readonly type: 'launch-container' }
  | { readonly type: 'kill-container'; readonly graceMs: number }
  /** Its end is durable here: the containerizer need not remember it. */
  | { readonly type: 'forget-container' }
  /** The first of `updates` is another one now, or none. */
  | { readonly type: 'send-update' }
  /** All is said and acknowledged. */
  | { readonly type: 'forget-task' };

export interface TaskStep {
  readonly record: TaskRecord;
  readonly effects: readonly TaskEffect[];
}

/**
 * One step of a task's life. A step that changes nothing returns the same record and no effects. After a terminal status no
 * other is ever added.
 */
export function stepTask(record: TaskRecord, event: TaskEvent, facts: StatusFacts): TaskStep {
  switch (event.type) {
    case 'started':
      return started(record, event, facts);
    case 'ended':
      return ended(record, meaningOf(record, event.end), facts, [{ type: 'forget-container' }]);
    case 'refused':
      return ended(record, event.outcome, facts, []);
    case 'fetched':
      return fetched(record, facts);
    case 'fetch-cancelled':
      return ended(record, outcomeOfEnd({ cancelled: true }, true), facts, []);
    case 'breached':
      return breached(record, event.outcome);
    case 'kill':
      return kill(record, event.graceMs);
    case 'checked':
      return checkNews(record, event.news, facts);
    case 'acknowledged':
      return acknowledged(record, event.uuid);
    default:
      return assertNever(event, 'task event');
  }
}

function meaningOf({ phase, breach }: TaskRecord, end: ContainerEnd): Outcome {
  const outcome = outcomeOfEnd(end, phase === 'killing');
  return breach ? { ...breach, ...(outcome.labels && { labels: outcome.labels }) } : outcome;
}

function fetched(record: TaskRecord, facts: StatusFacts): TaskStep {
  if (record.fetched !== false || record.phase === 'ended') return { record, effects: [] };
  if (record.phase === 'killing') return ended(record, outcomeOfEnd({ cancelled: true }, true), facts, []);
  return { record: { ...record, fetched: true }, effects: [{ type: 'launch-container' }] };
}

/** Whoever asked for its end before is the one who gets it. */
function breached(record: TaskRecord, outcome: Outcome): TaskStep {
  if (record.phase === 'ended' || record.phase === 'killing') return { record, effects: [] };
  return {
    record: { ...record, phase: 'killing', killGraceMs: 0, breach: outcome },
    effects: [{ type: 'kill-container', graceMs: 0 }],
  };
}

function withUpdate(record: TaskRecord, status: TaskStatus): TaskRecord {
  return { ...record, updates: [...record.updates, status], latest: status };
}

function sendIfFirst(before: TaskRecord): readonly TaskEffect[] {
  return before.updates.length === 0 ? [{ type: 'send-update' }] : [];
}

function started(
  record: TaskRecord,
  { pid, ipAddress }: Extract<TaskEvent, { type: 'started' }>,
  facts: StatusFacts,
): TaskStep {
  if (record.phase === 'ended' || record.pid !== undefined) return { record, effects: [] };
  const running: TaskRecord = {
    ...record,
    pid,
    ...(ipAddress !== undefined && { ipAddress }),
    phase: record.phase === 'launching' ? 'running' : record.phase,
  };
  const status = statusOf(running, { state: 'TASK_RUNNING' }, facts);
  return { record: withUpdate(running, status), effects: sendIfFirst(record) };
}

function ended(
  record: TaskRecord,
  outcome: Outcome,
  facts: StatusFacts,
  more: readonly TaskEffect[],
): TaskStep {
  if (record.phase === 'ended') return { record, effects: more };
  const over: TaskRecord = { ...record, phase: 'ended' };
  return {
    record: withUpdate(over, statusOf(record, outcome, facts)),
    effects: [...more, ...sendIfFirst(record)],
  };
}

function kill(record: TaskRecord, graceMs: number): TaskStep {
  if (record.phase === 'ended') return { record, effects: [] };
  const grace = Math.min(graceMs, record.killGraceMs ?? Number.POSITIVE_INFINITY);
  return {
    record: { ...record, phase: 'killing', killGraceMs: grace },
    effects: [{ type: 'kill-container', graceMs }],
  };
}

function acknowledged(record: TaskRecord, uuid: string): TaskStep {
  const [first, ...rest] = record.updates;
  if (first?.uuid !== uuid) return { record, effects: [] };
  const next: TaskRecord = { ...record, updates: rest };
  return { record: next, effects: [{ type: isTerminalState(first.state) ? 'forget-task' : 'send-update' }] };
}
