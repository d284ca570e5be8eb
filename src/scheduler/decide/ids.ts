import type { AppId } from '../../apps/app.js';
import type { InstanceId, TaskId } from '../instance.js';

/** What can be read from a task id, whichever release made it. */
export interface ParsedTaskId {
  readonly appId: AppId;
  readonly instanceId: InstanceId;
  /** `_app` for apps; absent in forms that carry none. */
  readonly container?: string;
  readonly incarnation?: number;
}

const uuid = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
const instanceForm = new RegExp(`^(.+)\\.(instance-|marathon-)(${uuid})$`);
const taskForm = new RegExp(`^(.+)\\.(instance-|marathon-)(${uuid})(?:\\.([^.]+))?(?:\\.(\\d+))?$`);
/** Ids from before instances had ids: `<safePath>.<uuid>`, `<safePath>_<uuid>`, `<safePath>.<uuid>.<n>`. */
const legacyForm = new RegExp(`^(.+)[._](${uuid})(?:\\.(\\d+))?$`);

/** `/a/b` as `a_b`; `_` cannot occur inside a path segment, so this can be undone. */
export function safePath(appId: AppId): string {
  return appId.replace(/^\//, '').replaceAll('/', '_');
}

function appIdOfSafePath(path: string): AppId {
  return `/${path.replaceAll('_', '/')}` as AppId;
}

/** `/a/b` as `b.a`: Mesos's task name and the name in DiscoveryInfo (Marathon reference 4.2). */
export function hostnameForm(appId: AppId): string {
  return appId.split('/').filter(Boolean).reverse().join('.');
}

/** `timeUuid`: a version 1 UUID. */
export function makeInstanceId(appId: AppId, timeUuid: string): InstanceId {
  return `${safePath(appId)}.instance-${timeUuid}` as InstanceId;
}

/** `incarnation`: 1 for the first launch of the instance. */
export function makeTaskId(instanceId: InstanceId, incarnation: number): TaskId {
  return `${instanceId}._app.${incarnation}` as TaskId;
}

/** The app an instance belongs to; undefined when the text is no instance id. */
export function appIdOfInstance(instanceId: string): AppId | undefined {
  const match = instanceForm.exec(instanceId);
  return match?.[1] === undefined ? undefined : appIdOfSafePath(match[1]);
}

/** Reads every task id form of Marathon reference 4.2; undefined when it is none of them. */
export function parseTaskId(taskId: string): ParsedTaskId | undefined {
  const modern = taskForm.exec(taskId);
  if (modern) {
    const [, path = '', prefix = '', id = '', container, incarnation] = modern;
    return {
      appId: appIdOfSafePath(path),
      instanceId: `${path}.${prefix}${id}` as InstanceId,
      ...(container === undefined ? {} : { container }),
      ...(incarnation === undefined ? {} : { incarnation: Number(incarnation) }),
    };
  }
  const legacy = legacyForm.exec(taskId);
  if (!legacy) return undefined;
  const [, path = '', id = '', incarnation] = legacy;
  return {
    appId: appIdOfSafePath(path),
    instanceId: `${path}.marathon-${id}` as InstanceId,
    ...(incarnation === undefined ? {} : { incarnation: Number(incarnation) }),
  };
}
