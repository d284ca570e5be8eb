import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { App } from '../app.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import { deprecatedFormProblems, translateDeprecated } from './deprecated-forms.js';
import { mergeApp } from './merge-app.js';
import { normalizeApp } from './normalize-app.js';
import { unsupportedFieldProblems } from './unsupported-fields.js';
import { validateApp } from './validate-app.js';

/**
 * From what a client sent (already of the right shape) to a normalised definition that breaks no rule. The stages are
 * separate and never mixed in one answer: contradictions between deprecated forms, then fields that are not supported
 * yet, then the rules of the definition. Throws CatalogError `invalid-object` with the findings of the first stage that
 * has any.
 *
 * `id`: where the app lives, absolute. `current`: what the input is merged into; undefined for a complete definition.
 * `at`: prefix of the paths told, `/(2)` for the third element of a bulk request.
 */
export function readDefinition(
  input: AppInput,
  id: string,
  current: App | undefined,
  settings: DefinitionSettings,
  at = '',
): AppDraft {
  refuse(deprecatedFormProblems(input), at);
  refuse(unsupportedFieldProblems(input), at);
  const translated = translateDeprecated(input);
  const complete = current ? mergeApp(current, translated) : translated;
  const draft = normalizeApp(complete, id, settings);
  refuse(validateApp(draft, complete, settings), at);
  return draft;
}

function refuse(problems: readonly ErrorDetail[], at: string): void {
  if (problems.length === 0) return;
  const details =
    at === '' ? problems : problems.map((problem) => ({ ...problem, path: prefixed(at, problem.path) }));
  throw new CatalogError('invalid-object', {}, details);
}

/** `/(2)` and `/id` -> `/(2)/id`; the root path of an element is the element's. */
export function prefixed(at: string, path: string): string {
  return path === '/' ? at : `${at}${path}`;
}
