import type { AppId } from './app.js';

/** What every segment of a path must match: lower case letters, digits, inner hyphens; dots between such labels. */
export const SEGMENT_PATTERN =
  '^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$';
const segmentRegex =
  /^(?:(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$/;

/** Last segments that name sub-resources of an app in the API. */
const reservedLastSegments: ReadonlySet<string> = new Set(['restart', 'tasks', 'versions', '.', '..']);

/**
 * Longest id in characters. Task ids (`<id>.instance-<uuid>._app.<n>`) name directories and cgroups, whose names the
 * kernel limits to 255 bytes.
 */
export const MAX_APP_ID_LENGTH = 190;

export type PathProblem =
  | { readonly code: 'root'; readonly message: 'must not be root' }
  | { readonly code: 'segment'; readonly message: string }
  | { readonly code: 'reserved'; readonly message: string }
  | { readonly code: 'too-long'; readonly message: string };

/** An absolute path in canonical form: `.` and `..` resolved, empty segments dropped. `/` when nothing is left. */
export function resolvePath(text: string, base = '/'): string {
  const parts = text.startsWith('/') ? [] : base.split('/').filter((part) => part !== '');
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Why a canonical path cannot be an app's id; empty when it can. Texts are Marathon's where Marathon has one. */
export function appIdProblems(path: string): readonly PathProblem[] {
  if (path === '/') return [{ code: 'root', message: 'must not be root' }];
  const parts = segmentsOf(path);
  const problems: PathProblem[] = [];
  if (parts.some((part) => !segmentRegex.test(part))) {
    problems.push({ code: 'segment', message: `must fully match regular expression '${SEGMENT_PATTERN}'` });
  }
  if (reservedLastSegments.has(parts.at(-1) ?? '')) {
    problems.push({
      code: 'reserved',
      message: 'must not end with any of the following reserved keywords: restart, tasks, versions, ., ..',
    });
  }
  if (path.length > MAX_APP_ID_LENGTH) {
    problems.push({
      code: 'too-long',
      message: `must not be longer than ${MAX_APP_ID_LENGTH} characters, got ${path.length}`,
    });
  }
  return problems;
}

/** The app id that `text` names, resolved against the group `base`; undefined when it can be none. */
export function parseAppId(text: string, base = '/'): AppId | undefined {
  const path = resolvePath(text, base);
  return appIdProblems(path).length === 0 ? (path as AppId) : undefined;
}

/** Whether every segment is well-formed; what a dependency needs, which may name a group. */
export function isWellFormedPath(path: string): boolean {
  return path !== '/' && segmentsOf(path).every((part) => segmentRegex.test(part));
}

/** `/a/b` -> `['a', 'b']`. */
export function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '');
}

/** The enclosing group: `/a/b` -> `/a`, `/a` -> `/`. */
export function parentPath(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut <= 0 ? '/' : path.slice(0, cut);
}

/** Every enclosing group from the nearest outward, the root left out: `/a/b/c` -> `/a/b`, `/a`. */
export function* ancestorPaths(path: string): Iterable<string> {
  for (let parent = parentPath(path); parent !== '/'; parent = parentPath(parent)) yield parent;
}
