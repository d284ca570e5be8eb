import type { Request, Response } from 'express';
import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { Instance, InstanceId, TaskId } from '../scheduler/instance.js';
import { sendDeploymentResult } from './accept-change.js';
import type { ApiContext } from './api-context.js';
import { queryFlag, queryText } from './decide/query.js';
import { type KillOptions, killAndScale, killInstances } from './kill-tasks.js';
import type { MethodTable } from './middleware/methods.js';
import { hasVisibleTask, presentTask } from './present/task.js';
import { queryOf } from './request-query.js';
import { sendJson, sendPieces } from './write-json.js';

type TasksRoute =
  | { readonly kind: 'tasks'; readonly appId: AppId }
  | { readonly kind: 'task'; readonly appId: AppId; readonly taskId: string };

/** `scale`, `wipe` and `force` of a kill request; scale and wipe exclude each other. */
export function killOptions(query: URLSearchParams): KillOptions {
  const options = {
    scale: queryFlag(query, 'scale', false),
    wipe: queryFlag(query, 'wipe', false),
    force: queryFlag(query, 'force', false),
  };
  if (options.scale && options.wipe) {
    throw new CatalogError('bad-request', {
      reason: 'You cannot use scale and wipe at the same time.',
      hint: 'scale lowers the number of instances, wipe replaces them at once.',
    });
  }
  return options;
}

/** `/v2/apps/{id}/tasks` and one task below it. */
export function answerAppTasks(context: ApiContext, route: TasksRoute): MethodTable {
  if (route.kind === 'task') {
    return {
      DELETE: (request, response) =>
        deleteOne(context, route.appId, route.taskId as TaskId, request, response),
    };
  }
  return {
    GET: async (request, response) => {
      requireApp(context, route.appId);
      response.setHeader('X-Event-Position', context.events.position());
      await sendPieces(
        request,
        response,
        taskPieces(context.scheduler.instances.ofApp(route.appId)),
        context.clock,
      );
    },
    DELETE: (request, response) => deleteAll(context, route.appId, request, response),
  };
}

/** The tasks of every app below a group (its path ends in a literal `*` and `tasks`). */
export function answerGroupTasks(context: ApiContext, prefix: string): MethodTable {
  return {
    GET: async (request, response) => {
      response.setHeader('X-Event-Position', context.events.position());
      await sendPieces(request, response, taskPieces(groupInstances(context, prefix)), context.clock);
    },
  };
}

function* groupInstances(context: ApiContext, prefix: string): Generator<Instance> {
  for (const { app } of context.registry.all()) {
    if (app.id.startsWith(prefix)) yield* context.scheduler.instances.ofApp(app.id);
  }
}

function* taskPieces(instances: Iterable<Instance>): Generator<string> {
  yield '{"tasks":[';
  let separator = '';
  for (const instance of instances) {
    if (!hasVisibleTask(instance)) continue;
    yield separator + JSON.stringify(presentTask(instance));
    separator = ',';
  }
  yield ']}';
}

function requireApp(context: ApiContext, appId: AppId): void {
  if (context.registry.get(appId) === undefined) throw new CatalogError('app-not-found', { id: appId });
}

async function deleteAll(
  context: ApiContext,
  appId: AppId,
  request: Request,
  response: Response,
): Promise<void> {
  const query = queryOf(request);
  const options = killOptions(query);
  requireApp(context, appId);
  const host = queryText(query, 'host');
  const found = context.scheduler.instances
    .ofApp(appId)
    .filter(
      (instance) =>
        hasVisibleTask(instance) && (host === undefined || host === '*' || instance.task?.hostname === host),
    );
  if (options.scale) {
    sendDeploymentResult(response, await killAndScale(context, response, found, options, [appId]));
    return;
  }
  const shown = found.map((instance) => presentTask(instance));
  await killInstances(context, found, options);
  sendJson(response, 200, { tasks: shown });
}

async function deleteOne(
  context: ApiContext,
  appId: AppId,
  taskId: TaskId,
  request: Request,
  response: Response,
): Promise<void> {
  const options = killOptions(queryOf(request));
  requireApp(context, appId);
  const { instances } = context.scheduler;
  // Clients may name the instance as well: ids without the task part were Marathon's form for a while.
  const instance = instances.byTask(taskId) ?? instances.get(taskId as string as InstanceId);
  const known = instance !== undefined && instance.appId === appId && hasVisibleTask(instance);
  if (options.scale) {
    sendDeploymentResult(
      response,
      await killAndScale(context, response, known ? [instance] : [], options, [appId]),
    );
    return;
  }
  if (!known) throw new CatalogError('task-not-found', { id: taskId });
  const shown = presentTask(instance);
  await killInstances(context, [instance], options);
  sendJson(response, 200, { task: shown });
}
