import { CatalogError, type ErrorDetail } from '../../../errors/registry.js';
import type { DefinitionSettings } from '../../app-input.js';
import type { PodDraft, PodInput } from '../../pod.js';
import { findingsByPath } from '../rules/rule.js';
import { normalizePod } from './normalize-pod.js';
import { podChangeFindings } from './pod-change.js';
import { validatePod } from './validate-pod.js';

/**
 * From what a client sent (already of the right shape) to a normalised pod that breaks no rule. Throws CatalogError
 * `invalid-object` with the findings of the first stage that has any: the rules of the definition, then those of its
 * change.
 *
 * `id`: where the pod lives, absolute. `before`: what it is now.
 */
export function readPod(
  input: PodInput,
  id: string,
  settings: DefinitionSettings,
  before?: PodDraft,
): PodDraft {
  const draft = normalizePod(input, id, settings);
  refuse(validatePod(draft, input, settings));
  if (before) refuse(findingsByPath(podChangeFindings(before, draft)));
  return draft;
}

/** The engine runs one process per instance. The last stage, after every rule. Throws CatalogError `unsupported`. */
export function refusePod({ containers }: PodDraft): never {
  const hint =
    containers.length === 1
      ? 'longrun cannot run pods yet. This one has a single container: POST it to /v2/apps.'
      : 'longrun cannot run pods yet. Run its containers as apps in one group.';
  throw new CatalogError('unsupported', { what: 'pods' }, [
    { path: '/', errors: ['is not supported yet'], code: 'unsupported', hint },
  ]);
}

function refuse(problems: readonly ErrorDetail[]): void {
  if (problems.length > 0) throw new CatalogError('invalid-object', {}, problems);
}
