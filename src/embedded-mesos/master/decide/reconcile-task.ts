import type { TaskStatus } from '../../protocol/v1.js';
import { masterStatus } from './master-status.js';

/** What the master knows of the agent that a reconciled task is said to be on. */
export type AgentStanding =
  | { readonly kind: 'registered' }
  /** In the registry, but not back since this master started. */
  | { readonly kind: 'recovered' }
  | { readonly kind: 'unreachable'; readonly sinceMs: number }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown' };

export interface ReconcileQuestion {
  readonly taskId: string;
  readonly agentId: string | undefined;
  /** The newest status the framework was told of, when the task is known. */
  readonly known: (Pick<TaskStatus, 'state' | 'agent_id'> & Partial<TaskStatus>) | undefined;
  /** Of `agentId`; not used without one. */
  readonly standing: AgentStanding;
  /** Whether any agent of the registry is not back yet. */
  readonly anyRecovered: boolean;
  readonly partitionAware: boolean;
  readonly nowMs: number;
}

/** The answer to one explicitly reconciled task; undefined: no answer yet, ask again (Mesos reference 1.9). */
export function reconcileTask(question: ReconcileQuestion): TaskStatus | undefined {
  const { taskId, agentId, known, standing, partitionAware, nowMs } = question;
  const answer = (
    state: TaskStatus['state'],
    message: string,
    more: { agentId?: string; sinceMs?: number } = {},
  ): TaskStatus =>
    masterStatus({
      taskId,
      agentId: more.agentId ?? agentId,
      state,
      reason: 'REASON_RECONCILIATION',
      message: `Reconciliation: ${message}`,
      nowMs,
      partitionAware,
      last: known ? { ...known, task_id: { value: taskId } } : undefined,
      unreachableSinceMs: more.sinceMs,
    });
  if (known) {
    return answer(known.state, 'Latest task state', known.agent_id ? { agentId: known.agent_id.value } : {});
  }
  if (agentId === undefined)
    return question.anyRecovered ? undefined : answer('TASK_UNKNOWN', 'Task is unknown');
  switch (standing.kind) {
    case 'recovered':
      return undefined;
    case 'registered':
      return answer('TASK_GONE', 'Task is unknown to the agent');
    case 'unreachable':
      return answer('TASK_UNREACHABLE', 'Task is unreachable', { sinceMs: standing.sinceMs });
    case 'gone':
      return answer('TASK_GONE_BY_OPERATOR', 'Task is gone');
    case 'unknown':
      return answer('TASK_UNKNOWN', 'Task is unknown');
  }
}
