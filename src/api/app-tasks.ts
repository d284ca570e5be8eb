import type { Request, Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import { parentPath } from '../apps/path.js';
import type { Access } from '../auth/access.js';
import { CatalogError } from '../errors/registry.js';
import type { Instance, InstanceId, TaskId } from '../scheduler/instance.js';
import type { ApiContext } from './api-context.js';
import { queryFlag, queryText } from './decide/query.js';
import { type KillOptions, killAndScale, killInstances } from './kill-tasks.js';
import { accessOf } from './middleware/access.js';
import { noteApp } from './middleware/audit-writes.js';
import type { MethodTable } from './middleware/methods.js';
import { hasVisibleTask, presentTask } from './present/task.js';
import { queryOf } from './request-query.js';
import { sendTasks } from './send-tasks.js';
import { visibleGroup } from './visible-group.js';
import { sendJson } from './write-json.js';

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
    GET: (request, response) => {
      const record = requireApp(context, route.appId);
      return sendTasks(context, request, response, {
        groupId: parentPath(route.appId),
        app: record,
        instances: () => context.scheduler.instances.ofApp(route.appId),
        include: () => true,
        present: (instance) => presentTask(instance),
        apps: () => [record],
      });
    },
    DELETE: (request, response) => deleteAll(context, route.appId, request, response),
  };
}

/** The tasks of every app below a group (its path ends in a literal `*` and `tasks`). */
export function answerGroupTasks(context: ApiContext, prefix: string): MethodTable {
  return {
    GET: (request, response) => {
      const access = accessOf(request);
      return sendTasks(context, request, response, {
        groupId: visibleGroup(context, access, prefix),
        instances: () => groupInstances(context, access, prefix),
        include: ({ appId }) => appId.startsWith(prefix) && access.sees(appId),
        present: (instance) => presentTask(instance),
        apps: () => groupApps(context, access, prefix),
      });
    },
  };
}

function* groupApps(context: ApiContext, access: Access, prefix: string): Generator<AppRecord> {
  for (const record of context.registry.all()) {
    if (record.app.id.startsWith(prefix) && access.sees(record.app.id)) yield record;
  }
}

function* groupInstances(context: ApiContext, access: Access, prefix: string): Generator<Instance> {
  for (const { app } of groupApps(context, access, prefix)) yield* context.scheduler.instances.ofApp(app.id);
}

function requireApp(context: ApiContext, appId: AppId): AppRecord {
  const record = context.registry.get(appId);
  if (record === undefined) throw new CatalogError('app-not-found', { id: appId });
  return record;
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
  noteApp(request, appId);
  const host = queryText(query, 'host');
  const found = context.scheduler.instances
    .ofApp(appId)
    .filter(
      (instance) =>
        hasVisibleTask(instance) && (host === undefined || host === '*' || instance.task?.hostname === host),
    );
  if (options.scale) {
    await killAndScale(context, request, response, found, options, [appId]);
    return;
  }
  const shown = found.map((instance) => presentTask(instance));
  const dry = await killInstances(context, request, response, found, { ...options, appIds: [appId] });
  sendJson(response, 200, { ...dry, tasks: shown });
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
  noteApp(request, appId);
  const { instances } = context.scheduler;
  // Clients may name the instance as well: ids without the task part were Marathon's form for a while.
  const instance = instances.byTask(taskId) ?? instances.get(taskId as string as InstanceId);
  const known = instance !== undefined && instance.appId === appId && hasVisibleTask(instance);
  if (options.scale) {
    if (!instances.ofApp(appId).some(hasVisibleTask)) throw new CatalogError('path-not-found', { id: appId });
    await killAndScale(context, request, response, known ? [instance] : [], options, [appId]);
    return;
  }
  if (!known) throw new CatalogError('task-not-found', { id: taskId });
  const shown = presentTask(instance);
  const dry = await killInstances(context, request, response, [instance], { ...options, appIds: [appId] });
  sendJson(response, 200, { ...dry, task: shown });
}
