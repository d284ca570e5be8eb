import { assertNever } from '../../../util/assert.js';
import type { ContainerEnd } from '../../containers/containerizer.js';
import { isTerminalState, type TaskStatus } from '../../protocol/v1.js';
import type { TaskRecord } from '../task-record.js';
import { type Outcome, outcomeOfEnd, type StatusFacts, statusOf } from './status.js';

/** What can happen to a task. */
export type TaskEvent =
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'ended'; readonly end: ContainerEnd }
  | { readonly type: 'kill'; readonly graceMs: number }
  /** It may not or cannot be run; nothing of it is there. */
  | { readonly type: 'refused'; readonly outcome: Outcome }
  | { readonly type: 'acknowledged'; readonly uuid: string };

/** What is to be done, after the new record is durable. */
export type TaskEffect =
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
      return started(record, event.pid, facts);
    case 'ended':
      return ended(record, outcomeOfEnd(event.end, record.phase === 'killing'), facts, [
        { type: 'forget-container' },
      ]);
    case 'refused':
      return ended(record, event.outcome, facts, []);
    case 'kill':
      return kill(record, event.graceMs);
    case 'acknowledged':
      return acknowledged(record, event.uuid);
    default:
      return assertNever(event, 'task event');
  }
}

function withUpdate(record: TaskRecord, status: TaskStatus): TaskRecord {
  return { ...record, updates: [...record.updates, status], latest: status };
}

function sendIfFirst(before: TaskRecord): readonly TaskEffect[] {
  return before.updates.length === 0 ? [{ type: 'send-update' }] : [];
}

function started(record: TaskRecord, pid: number, facts: StatusFacts): TaskStep {
  if (record.phase === 'ended' || record.pid !== undefined) return { record, effects: [] };
  const running: TaskRecord = {
    ...record,
    pid,
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
