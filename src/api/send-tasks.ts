import type { Request, Response } from 'express';
import type { AppRecord } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { Instance } from '../scheduler/instance.js';
import type { ApiContext } from './api-context.js';
import { preferredType } from './decide/accept.js';
import { fieldSelection, pageRequest, selectFields } from './decide/page.js';
import { parseTaskId } from './decide/task-id.js';
import { takePage } from './paging.js';
import { hasVisibleTask } from './present/task.js';
import { TABLE_TYPE, taskTablePieces } from './present/task-table.js';
import { queryOf } from './request-query.js';
import { JSON_TYPE, sendPieces } from './write-json.js';

/** What lists of tasks are answered as. */
export const taskListTypes: readonly string[] = [JSON_TYPE, TABLE_TYPE];

export interface ListOfTasks {
  /** What the list is of, with all below it. */
  readonly groupId: string;
  /** The one app whose tasks are listed, if it is one. */
  readonly app?: AppRecord;
  /** All that may be listed, in Marathon's order. */
  readonly instances: () => Iterable<Instance>;
  /** False for those that the list leaves out. */
  readonly include: (instance: Instance) => boolean;
  readonly present: (instance: Instance) => object;
  /** Of the table. */
  readonly apps: () => Iterable<AppRecord>;
}

type Context = Pick<ApiContext, 'scheduler' | 'events' | 'clock' | 'tags' | 'order'>;

/**
 * Answers a list of tasks as the client likes it: JSON, whole or the page and the members that are asked for, or the table
 * of the apps' running tasks.
 */
export async function sendTasks(
  context: Context,
  request: Request,
  response: Response,
  list: ListOfTasks,
): Promise<void> {
  const { scheduler, events, clock, tags } = context;
  response.setHeader('X-Event-Position', events.position());
  if (preferredType(request.headers.accept, taskListTypes) === TABLE_TYPE) {
    const table = taskTablePieces({
      apps: list.apps(),
      tasksOf: ({ app }) => scheduler.instances.ofApp(app.id),
    });
    return sendPieces(request, response, table, clock, `${TABLE_TYPE}; charset=utf-8`);
  }
  const query = queryOf(request);
  const page = pageRequest(query);
  const fields = fieldSelection(query);
  const include = (instance: Instance): boolean => hasVisibleTask(instance) && list.include(instance);
  const tag = tags.list(request, list.groupId);
  const instances = page
    ? await takePage(request, response, inOrder(context, list, page.after), page, keyOf, include)
    : list.instances();
  if (tags.answeredUnchanged(request, response, tag)) return;
  await sendPieces(request, response, pieces(instances, include, list.present, fields), clock);
}

const keyOf = ({ task, id }: Instance): string => task?.id ?? id;

/** By app, within an app by instance; `after` is the id of a task, whether it still runs or not. */
function* inOrder(
  { order, scheduler }: Context,
  list: ListOfTasks,
  after: string | undefined,
): Generator<Instance> {
  const cursor = after === undefined ? undefined : parseTaskId(after);
  if (after !== undefined && cursor?.instanceId === undefined) {
    throw new CatalogError('invalid-argument', {
      reason: `after is no task id: ${after.slice(0, 100)}`,
      hint: 'Take it from the Link header of a page.',
    });
  }
  const apps = list.app ? [list.app] : order.from(cursor?.appId ?? '', true);
  for (const { app } of apps) {
    const instances = [...scheduler.instances.ofApp(app.id)].sort((a, b) => (a.id < b.id ? -1 : 1));
    const from = app.id === cursor?.appId ? cursor.instanceId : undefined;
    for (const instance of instances) if (from === undefined || instance.id > from) yield instance;
  }
}

function* pieces(
  instances: Iterable<Instance>,
  include: (instance: Instance) => boolean,
  present: (instance: Instance) => object,
  fields: ReadonlySet<string> | undefined,
): Generator<string> {
  yield '{"tasks":[';
  let separator = '';
  for (const instance of instances) {
    if (!include(instance)) {
      yield '';
      continue;
    }
    const json = JSON.stringify(present(instance));
    yield separator + (fields ? selectFields(json, fields) : json);
    separator = ',';
  }
  yield ']}';
}
