import type { AppRecord } from '../app.js';
import { presentApp } from '../present-app.js';
import { sameJson } from './canonical-json.js';
import { type AppFields, changedFields, sameLaunch } from './changed-fields.js';
import { hidePasswordUsers, isPasswordLabel, MASKED } from './hide-passwords.js';

/** Names of environment variables whose values are likely to be secrets. */
const secretName = /(passw|passphrase|secret|token|credential|private|api_?key|access_?key|_key$|^key$)/i;

/**
 * What a difference does to the instances that run: nothing (`in-place`), some come or go (`scale`), all are replaced
 * (`restart`).
 */
export type DiffEffect = 'in-place' | 'scale' | 'restart';

/** One difference. `old` is absent when the place was empty, `new` when it will be. */
export interface DiffEntry {
  /** JSON pointer into the app (RFC 6901), e.g. `/env/COLOR`. */
  readonly path: string;
  readonly old?: unknown;
  readonly new?: unknown;
  readonly effect: DiffEffect;
}

/**
 * How two definitions of one app differ, field by field, down to members of objects; arrays differ as a whole. Versions
 * are left out: they follow from the rest. Values of environment variables that are named like secrets, and the hashes of
 * passwords, are masked; that they differ is told. Empty exactly when no field differs.
 */
export function appDiff(before: AppRecord, after: AppRecord, restartOnAnyChange: boolean): DiffEntry[] {
  const changed = new Set<string>(changedFields(before.app, after.app));
  const [old, now] = [shown(before), shown(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => changed.has(name));
  return names.flatMap((name) =>
    differences(`/${escaped(name)}`, old[name], now[name]).map(
      (entry): DiffEntry => ({
        ...masked(entry),
        effect: effectOf(name, entry, [before.app, after.app], restartOnAnyChange),
      }),
    ),
  );
}

type Difference = Omit<DiffEntry, 'effect'>;
type Members = Readonly<Record<string, unknown>>;

/** As it is presented, with the fields that are left out when they are empty. */
function shown({ app }: AppRecord): Members {
  const { version, versionInfo, ...fields } = presentApp(app);
  const { version: _version, versionInfo: _versionInfo, ...whole } = app;
  const hidden = Object.entries(whole).filter(([name, value]) => !(name in fields) && !isEmpty(value));
  return { ...fields, ...Object.fromEntries(hidden) };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && !Object.keys(value).length);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function differences(path: string, old: unknown, now: unknown): Difference[] {
  if (sameJson(old, now)) return [];
  if (isMembers(old) && isMembers(now)) return ofMembers(path, old, now);
  // A map that comes or goes as a whole is told member by member all the same, so that each value is judged by its name.
  if (path === '/env' || path === '/labels')
    return ofMembers(path, isMembers(old) ? old : {}, isMembers(now) ? now : {});
  return [{ path, ...(old === undefined ? {} : { old }), ...(now === undefined ? {} : { new: now }) }];
}

function ofMembers(path: string, old: Members, now: Members): Difference[] {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names.flatMap((name) =>
    differences(
      `${path}/${escaped(name)}`,
      Object.hasOwn(old, name) ? old[name] : undefined,
      Object.hasOwn(now, name) ? now[name] : undefined,
    ),
  );
}

function masked(entry: Difference): Difference {
  if (isPasswordLabel(entry.path.slice('/labels/'.length))) return hiding(entry, () => MASKED);
  if (entry.path.startsWith('/loadBalancer')) return hiding(entry, hidePasswordUsers);
  if (!entry.path.startsWith('/env/') || !secretName.test(entry.path.slice('/env/'.length))) return entry;
  return hiding(entry, (value) => (typeof value === 'string' ? MASKED : value));
}

function hiding(entry: Difference, hide: (value: unknown) => unknown): Difference {
  return {
    path: entry.path,
    ...('old' in entry ? { old: hide(entry.old) } : {}),
    ...('new' in entry ? { new: hide(entry.new) } : {}),
  };
}

function effectOf(
  field: string,
  { path }: Difference,
  [before, after]: readonly [AppFields, AppFields],
  restartOnAnyChange: boolean,
): DiffEffect {
  if (field === 'instances') return 'scale';
  const only = field === 'labels' ? oneLabel(path, before, after) : after;
  return sameLaunch(before, only, [field as keyof AppFields], restartOnAnyChange) ? 'in-place' : 'restart';
}

/** The old definition with nothing but this one label of the new. */
function oneLabel(path: string, before: AppFields, after: AppFields): AppFields {
  const name = path.slice('/labels/'.length).replaceAll('~1', '/').replaceAll('~0', '~');
  const { [name]: _, ...others } = before.labels;
  const label = after.labels[name];
  return { ...before, labels: label === undefined ? others : { ...others, [name]: label } };
}

/** A member's name as part of a JSON pointer. */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
