import type { AppId } from '../../apps/app.js';
import type { AccessRow, Method } from './access-table.js';
import { pathSegments } from './app-route.js';
import { podIdOf } from './pod-route.js';
import { parseTaskId } from './task-id.js';

/** What the table says of a request: its row and the path that the right is asked on; which methods there are; or nothing. */
export type AccessRoute =
  | { readonly kind: 'row'; readonly row: AccessRow; readonly path: string }
  | { readonly kind: 'other-methods'; readonly methods: readonly Method[] }
  | { readonly kind: 'none' };

/** `exists` settles `/a/tasks/b`: an app of that id wins over a task of `/a`. */
export type FindRoute = (path: string, method: string, exists: (appId: AppId) => boolean) => AccessRoute;

/** Last segments of rows that an app may be called. */
const appNames: ReadonlySet<string> = new Set(['history', 'usage', 'traffic']);

interface Compiled {
  readonly row: AccessRow;
  /** The literal beginning: compared with the path as it is written, as express compares what it mounts. */
  readonly mount: string;
  /** What follows: compared with the decoded and resolved segments, as the routers read them. */
  readonly tail: readonly string[];
}

/** Below it, what follows `::` is no part of the id. */
const PODS = '/v2/pods';

/** Prepares a table for look-ups. The first row that fits path and method counts. */
export function accessRoutes(table: readonly AccessRow[]): FindRoute {
  const compiled = table.map(compile);
  return (path, method, exists) => {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const methods = new Set<Method>();
    for (const candidate of compiled) {
      const named = pathNamedBy(candidate, path, exists);
      if (named === undefined) continue;
      if (candidate.row.method === wanted) return { kind: 'row', row: candidate.row, path: named };
      methods.add(candidate.row.method);
    }
    return methods.size > 0 ? { kind: 'other-methods', methods: [...methods] } : { kind: 'none' };
  };
}

function compile(row: AccessRow): Compiled {
  const parts = row.pattern.split('/').slice(1);
  const variable = parts.findIndex((part) => part.startsWith('{'));
  const literal = variable < 0 ? parts : parts.slice(0, variable);
  return { row, mount: `/${literal.join('/')}`, tail: parts.slice(literal.length) };
}

/** The path that a fitting row names; `/` when it names none. */
function pathNamedBy(
  { row, mount, tail }: Compiled,
  path: string,
  exists: (appId: AppId) => boolean,
): string | undefined {
  if (path !== mount && !path.startsWith(`${mount}/`)) return undefined;
  const segments = pathSegments(path.slice(mount.length));
  if (segments === undefined) return undefined;
  const many = tail.findIndex((part) => part.startsWith('{+') || part.startsWith('{*'));
  const fixed = many < 0 ? tail.length : tail.length - 1;
  const taken = segments.length - fixed;
  if (taken < (tail[many]?.startsWith('{+') ? 1 : 0) || (many < 0 && taken > 0)) return undefined;
  if (!tail.every((part, index) => fits(part, index, segments, many, taken))) return undefined;
  const mayBeAnApp = (tail.length === 3 && tail[2]?.startsWith('{')) || appNames.has(tail.at(-1) ?? '');
  if (mayBeAnApp && exists(`/${segments.join('/')}` as AppId)) return undefined;
  if (row.scope === 'task') return parseTaskId(segments[0] ?? '')?.appId ?? '/';
  if (mount === PODS) return podIdOf(segments);
  return many < 0 ? '/' : `/${segments.slice(many, many + taken).join('/')}`;
}

function fits(
  part: string,
  index: number,
  segments: readonly string[],
  many: number,
  taken: number,
): boolean {
  if (part.startsWith('{')) return true;
  return part === segments[many >= 0 && index > many ? index + taken - 1 : index];
}
