import type { Request, Response } from 'express';
import type { AppRecord } from '../apps/app.js';
import type { ApiContext } from './api-context.js';
import { preferredType } from './decide/accept.js';
import { TABLE_TYPE, taskTablePieces } from './present/task-table.js';
import { JSON_TYPE, sendPieces } from './write-json.js';

/** What lists of tasks are answered as. */
export const taskListTypes: readonly string[] = [JSON_TYPE, TABLE_TYPE];

/** Answers a list of tasks as the client likes it: JSON, or the table of the apps' running tasks. */
export async function sendTasks(
  { scheduler, events, clock }: Pick<ApiContext, 'scheduler' | 'events' | 'clock'>,
  request: Request,
  response: Response,
  list: { readonly json: () => Iterable<string>; readonly apps: () => Iterable<AppRecord> },
): Promise<void> {
  response.setHeader('X-Event-Position', events.position());
  if (preferredType(request.headers.accept, taskListTypes) !== TABLE_TYPE) {
    await sendPieces(request, response, list.json(), clock);
    return;
  }
  const pieces = taskTablePieces({
    apps: list.apps(),
    tasksOf: ({ app }) => scheduler.instances.ofApp(app.id),
  });
  await sendPieces(request, response, pieces, clock, `${TABLE_TYPE}; charset=utf-8`);
}
