import { isObject, type JsonObject, objectsOf } from './json-value.js';

/** What a group says of itself. */
export interface SourceGroup {
  readonly id: string;
  /** Absolute. */
  readonly dependencies: readonly string[];
  readonly enforceRole: boolean;
}

/** All that a source has, flat. */
export interface SourceTree {
  /** As they were read. */
  readonly apps: readonly JsonObject[];
  /** Around before inside; the root is one of them. */
  readonly groups: readonly SourceGroup[];
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** Flattens a group with all that lies in it (`GET /v2/groups`). */
export function readTree(root: JsonObject): SourceTree {
  const apps: JsonObject[] = [];
  const groups: SourceGroup[] = [];
  const open: JsonObject[] = [root];
  for (let group = open.shift(); group; group = open.shift()) {
    const { dependencies } = group;
    groups.push({
      id: isText(group['id']) ? group['id'] : '/',
      dependencies: Array.isArray(dependencies) ? dependencies.filter(isText) : [],
      enforceRole: group['enforceRole'] === true,
    });
    apps.push(...objectsOf(group['apps']));
    open.push(...objectsOf(group['groups']));
  }
  return { apps, groups };
}

/** Whether it is what `GET /v2/groups` answers. */
export function looksLikeGroup(value: unknown): value is JsonObject {
  return (
    isObject(value) && isText(value['id']) && (Array.isArray(value['apps']) || Array.isArray(value['groups']))
  );
}

/** Whether `path` is the group or lies in it. */
export function liesIn(path: unknown, group: string): boolean {
  if (!isText(path)) return false;
  return group === '/' || path === group || path.startsWith(`${group}/`);
}
