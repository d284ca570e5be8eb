import type { Schemas } from '../../api/contract/load-contract.js';
import { appPath, type RestClient } from './rest-client.js';

/** Whether a command's target is a task rather than an app. */
export const isTaskId = (target: string): boolean => /\.(instance|marathon)-/.test(target);

/** The tasks of an app, or the one that is named. */
export async function tasksOf(client: RestClient, target: string): Promise<readonly Schemas['Task'][]> {
  const { tasks } = await client.get<{ readonly tasks: readonly Schemas['Task'][] }>(
    `${appPath(target)}/tasks`,
  );
  return tasks;
}

/** Ids of the tasks that a program can be run in: the one that is named, or the running ones of an app. */
export async function runningTasks(client: RestClient, target: string): Promise<readonly string[]> {
  if (isTaskId(target)) return [target];
  return (await tasksOf(client, target)).filter(({ state }) => state === 'TASK_RUNNING').map(({ id }) => id);
}
