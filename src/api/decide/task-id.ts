import type { AppId } from '../../apps/app.js';
import type { InstanceId } from '../../scheduler/instance.js';

const uuid = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
const current = /^(.+)\.(?:instance-|marathon-)([^.]+)((?:\.[^.]+){0,2})$/;
const legacy = new RegExp(`^(.+)[._](${uuid})(?:\\.\\d+)?$`);

/** What a task id says about where it belongs. */
export interface TaskIdParts {
  readonly appId: AppId;
  /** Undefined for the forms of Marathon before 1.4. */
  readonly instanceId: InstanceId | undefined;
}

/**
 * Reads a task id: `<safePath>.instance-<uuid>._app.<incarnation>` and the older forms that clients still hold.
 * `_` separates path segments and is illegal inside them, so the app id can be told. Undefined when it is no task id.
 */
export function parseTaskId(text: string): TaskIdParts | undefined {
  const instance = current.exec(text);
  if (instance?.[1] !== undefined) {
    const tail = instance[3] ?? '';
    return {
      appId: appIdOf(instance[1]),
      instanceId: text.slice(0, text.length - tail.length) as InstanceId,
    };
  }
  const old = legacy.exec(text);
  return old?.[1] === undefined ? undefined : { appId: appIdOf(old[1]), instanceId: undefined };
}

function appIdOf(safePath: string): AppId {
  return `/${safePath.replaceAll('_', '/')}` as AppId;
}
