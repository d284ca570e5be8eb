import { CatalogError } from '../../errors/registry.js';
import type { App } from '../app.js';
import { presentApp } from '../present-app.js';

type Members = Readonly<Record<string, unknown>>;

/** Whether a patch is one of an object; any other value would replace the whole. */
export function isPatchObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Applies a JSON merge patch (RFC 7396): members that are null are removed, objects are merged, everything else, arrays
 * included, replaces what was there. Neither argument is changed. A member named `__proto__` is a member like others.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isPatchObject(patch)) return patch;
  const merged = new Map(isPatchObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** Members that follow from the definition, and can be sent back but not changed. */
const stamps = ['id', 'version', 'versionInfo'] as const;

/**
 * The complete definition that a merge patch makes of an app, to be read like any other. Throws `invalid-object` when the
 * patch names a version other than the app's: going back to one is asked for with that version alone, without a patch.
 */
export function patchedDefinition(app: App, patch: Members): unknown {
  const { version } = patch;
  if (version !== undefined && version !== null && version !== app.version) {
    throw new CatalogError('invalid-object', {}, [
      {
        path: '/version',
        errors: ["The 'version' field may only be combined with the 'id' field."],
        code: 'contradiction',
        hint: 'Leave `version` out; to be sure of what is changed, send If-Match.',
      },
    ]);
  }
  const target = Object.entries(presentApp(app)).filter(([name]) => !isStamp(name));
  const wanted = Object.entries(patch).filter(([name]) => !isStamp(name));
  const merged = mergePatch(Object.fromEntries(target), Object.fromEntries(wanted)) as Members;
  return { ...merged, id: app.id };
}

function isStamp(name: string): boolean {
  return (stamps as readonly string[]).includes(name);
}
