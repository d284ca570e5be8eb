import type { AppRecord } from '../../apps/app.js';

type Fields = Readonly<Record<string, unknown>>;

/** Fields that change with every change and say nothing. */
const stamps: ReadonlySet<string> = new Set(['version', 'versionInfo']);

/**
 * Names of the top-level fields in which two definitions differ, sorted; never values. None when an app comes or goes: then
 * it is all of them, and says nothing.
 */
export function changedFields(
  before: AppRecord | undefined,
  after: AppRecord | undefined,
): readonly string[] {
  if (before === undefined || after === undefined) return [];
  const [old, now] = [before.app, after.app] as unknown as [Fields, Fields];
  const names = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...names]
    .filter((name) => !stamps.has(name) && JSON.stringify(old[name]) !== JSON.stringify(now[name]))
    .sort();
}
