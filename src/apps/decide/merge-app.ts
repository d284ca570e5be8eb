import type { App } from '../app.js';
import type { AppInput } from '../app-input.js';
import { presentApp } from '../present-app.js';

/**
 * A partial update over what is there: a field that is given and not null replaces the whole field, everything else
 * stays (Marathon reference 1.6). There is no deep merge. The result is an input again, to be normalised and checked as
 * a whole. `patch` has no deprecated forms any more; its `id` and `version` do not count.
 */
export function mergeApp(current: App, patch: AppInput): AppInput {
  const { version, versionInfo, ...kept } = presentApp(current);
  const given = Object.fromEntries(
    Object.entries(patch).filter(([, value]) => value !== null && value !== undefined),
  );
  return { ...kept, ...withoutMappings(kept, given), ...given, id: current.id };
}

/** An app that moves to host networking leaves its port mappings behind, unless the patch names some. */
function withoutMappings(kept: AppInput, given: AppInput): Pick<AppInput, 'container'> {
  const moves = given.networks?.every(({ mode }) => mode === 'host') ?? false;
  if (!moves || !kept.container) return {};
  const { portMappings, ...container } = kept.container;
  return { container };
}

/** What a body's `version` asks for. */
export type VersionRequest =
  | { readonly kind: 'none' }
  | { readonly kind: 'rollback'; readonly version: string }
  | { readonly kind: 'contradiction' };

/**
 * `version` alone, or with `id`, asks for a rollback. With other fields it contradicts them, unless it is the app's
 * current version: then it is the echo of an answer that was read, changed and sent back.
 */
export function versionRequest(input: AppInput, currentVersion: string | undefined): VersionRequest {
  if (input.version === null || input.version === undefined) return { kind: 'none' };
  const others = Object.entries(input).some(
    ([name, value]) => name !== 'id' && name !== 'version' && value !== null && value !== undefined,
  );
  if (!others) return { kind: 'rollback', version: input.version };
  return input.version === currentVersion ? { kind: 'none' } : { kind: 'contradiction' };
}
