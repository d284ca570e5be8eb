import { isTerminalState, type TaskState } from '../../protocol/v1.js';

const order: Readonly<Partial<Record<TaskState, number>>> = {
  TASK_STAGING: 0,
  TASK_STARTING: 1,
  TASK_RUNNING: 2,
  TASK_KILLING: 3,
};

/**
 * Whether a reported state tells more than the one known. Agents repeat older updates until they are acknowledged, also
 * after they reported newer ones at their return: those go to the framework but change nothing here.
 */
export function isNews(known: TaskState, reported: TaskState): boolean {
  if (isTerminalState(reported)) return true;
  if (isTerminalState(known)) return false;
  return (order[reported] ?? 0) >= (order[known] ?? 0);
}
