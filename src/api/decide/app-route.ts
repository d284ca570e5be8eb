import type { AppId } from '../../apps/app.js';

/** What a path below `/v2/apps` means. `AppId`s here are as the client wrote them: they may name nothing. */
export type AppRoute =
  | { readonly kind: 'apps' }
  | { readonly kind: 'app'; readonly appId: AppId }
  | { readonly kind: 'restart'; readonly appId: AppId }
  | { readonly kind: 'tasks'; readonly appId: AppId }
  | { readonly kind: 'task'; readonly appId: AppId; readonly taskId: string }
  | { readonly kind: 'history'; readonly appId: AppId }
  | { readonly kind: 'usage'; readonly appId: AppId }
  | { readonly kind: 'traffic'; readonly appId: AppId }
  | { readonly kind: 'versions'; readonly appId: AppId }
  | { readonly kind: 'version'; readonly appId: AppId; readonly version: string }
  /** `/v2/apps/{group}/*`; `prefix` ends in `/`. */
  | { readonly kind: 'group-apps'; readonly prefix: string }
  | { readonly kind: 'group-tasks'; readonly prefix: string };

/**
 * Segments of a path tail, percent-decoded, empty ones dropped, `.` and `..` resolved. Undefined when the
 * percent-encoding is malformed. An encoded slash separates like a plain one.
 */
export function pathSegments(tail: string): readonly string[] | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(tail);
  } catch {
    return undefined;
  }
  const segments: string[] = [];
  for (const segment of decoded.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  return segments;
}

const appId = (segments: readonly string[]): AppId => `/${segments.join('/')}` as AppId;

/** Everything below a group: the root group's prefix is `/`. */
const groupPrefix = (segments: readonly string[]): string =>
  segments.length === 0 ? '/' : `/${segments.join('/')}/`;

const isAppName = (segment: string): segment is 'history' | 'usage' | 'traffic' =>
  segment === 'history' || segment === 'usage' || segment === 'traffic';

/**
 * Reads the tail of a path after `/v2/apps`: the id is everything until the reserved last segment `restart`, `tasks`
 * or `versions` (which no app id may end in). `exists` settles `/a/tasks/b`: an app of that id wins over a task of `/a`.
 */
export function appRoute(segments: readonly string[], exists: (appId: AppId) => boolean): AppRoute {
  if (segments.length === 0) return { kind: 'apps' };
  const last = segments[segments.length - 1] ?? '';
  const beforeLast = segments[segments.length - 2];
  const parent = segments.slice(0, -1);
  if (last === '*') return { kind: 'group-apps', prefix: groupPrefix(parent) };
  if (beforeLast === '*' && last === 'tasks')
    return { kind: 'group-tasks', prefix: groupPrefix(parent.slice(0, -1)) };
  if (segments.length >= 2) {
    if (last === 'restart') return { kind: 'restart', appId: appId(parent) };
    if (last === 'tasks') return { kind: 'tasks', appId: appId(parent) };
    if (last === 'versions') return { kind: 'versions', appId: appId(parent) };
  }
  // Unlike the reserved words above, an app may be called so.
  if (segments.length >= 2 && isAppName(last) && !exists(appId(segments)))
    return { kind: last, appId: appId(parent) };
  if (segments.length >= 3 && !exists(appId(segments))) {
    const owner = appId(segments.slice(0, -2));
    if (beforeLast === 'tasks') return { kind: 'task', appId: owner, taskId: last };
    if (beforeLast === 'versions') return { kind: 'version', appId: owner, version: last };
  }
  return { kind: 'app', appId: appId(segments) };
}
