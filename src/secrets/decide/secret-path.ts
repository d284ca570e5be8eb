import type { AppId } from '../../apps/app.js';
import { parentPath, resolvePath } from '../../apps/path.js';

/** Longest path of a secret, in characters. */
export const MAX_SECRET_PATH = 255;
const segment = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;

/** What is wrong with a secret's absolute path, as a sentence; undefined when nothing is. */
export function secretPathProblem(path: string): string | undefined {
  const segments = path.split('/').slice(1);
  if (!path.startsWith('/') || path === '/')
    return 'a secret has an absolute path, such as /shop/db-password';
  if (path.length > MAX_SECRET_PATH) return `a secret's path has at most ${MAX_SECRET_PATH} characters`;
  if (segments.every((each) => segment.test(each))) return undefined;
  return 'the parts of a secret’s path are letters, digits and inner `.`, `_` and `-`, 64 at most';
}

/** Which secret a `source` in an app's definition means: relative ones are looked for in the app's own group. */
export function secretPathOf(appId: AppId, source: string): string {
  return resolvePath(source, parentPath(appId));
}

/**
 * Whether an app may use a secret: those of its own group and of every group around it. `/shop/db` is for `/shop/web` and
 * `/shop/eu/web`, not for `/blog/web`; `/mail-key` is for every app.
 */
export function mayUse(appId: AppId, path: string): boolean {
  const group = parentPath(path);
  return group === '/' || appId.startsWith(`${group}/`);
}
