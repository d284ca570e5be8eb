import type { AgentTask } from '../../protocol/agent-line.js';

export interface KnownTask {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly isTerminal: boolean;
}

export interface ReportComparison<K> {
  /** Reported and known. */
  readonly common: readonly { readonly known: K; readonly reported: AgentTask }[];
  /** Reported, not known: to be taken over. */
  readonly fresh: readonly AgentTask[];
  /** Known as alive, not reported: the agent is asked about them. */
  readonly missing: readonly K[];
  /** Known as ended, not reported: the agent has nothing more to say about them. */
  readonly settled: readonly K[];
}

/** Lays an agent's report beside the master's books (Mesos reference 4.4, re-registration). */
export function compareReport<K extends KnownTask>(
  known: Iterable<K>,
  reported: readonly AgentTask[],
): ReportComparison<K> {
  const open = new Map<string, AgentTask>();
  for (const task of reported) open.set(`${task.frameworkId} ${task.task.task_id.value}`, task);
  const common: { known: K; reported: AgentTask }[] = [];
  const missing: K[] = [];
  const settled: K[] = [];
  for (const task of known) {
    const key = `${task.frameworkId} ${task.taskId}`;
    const report = open.get(key);
    if (report) {
      common.push({ known: task, reported: report });
      open.delete(key);
    } else if (task.isTerminal) settled.push(task);
    else missing.push(task);
  }
  return { common, fresh: [...open.values()], missing, settled };
}
