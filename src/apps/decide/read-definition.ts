import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { App } from '../app.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import { deprecatedFormProblems } from './deprecated-forms.js';
import { labelProblems } from './label-problems.js';
import { mergeApp } from './merge-app.js';
import { missingSecretProblems } from './missing-secrets.js';
import { normalizeApp } from './normalize-app.js';
import { residentChangeProblems } from './resident-change.js';
import { refuseUnroutable } from './routing-capabilities.js';
import { translateDeprecated } from './translate-deprecated.js';
import { refuseUnsupported } from './unsupported-fields.js';
import { validateApp } from './validate-app.js';

/** What a definition is read against. */
export interface ReadingContext {
  /** What the input is merged into; undefined for a complete definition. */
  readonly current: App | undefined;
  /** What the app is before the change, merged or replaced; `current` unless it is given. */
  readonly before?: App | undefined;
  /** The stored version that is put back: what was let be in it then is let be again. */
  readonly source?: App | undefined;
  /** Prefix of the paths told: `/(2)` for the third element of a bulk request. */
  readonly at?: string;
}

/**
 * From what a client sent (already of the right shape) to a normalised definition that breaks no rule and that longrun
 * can run. Throws what `readModel` does, else CatalogError `unsupported`, else `invalid-object` when a secret is not there: a
 * stage each, never mixed with another.
 *
 * `id`: where the app lives, absolute.
 */
export function readDefinition(
  input: AppInput,
  id: string,
  context: ReadingContext,
  settings: DefinitionSettings,
): AppDraft {
  const draft = readModel(input, id, context, settings);
  const placed = (path: string): string => prefixed(context.at ?? '', path);
  refuseUnsupported(draft, placed);
  if (settings.cannotRoute)
    refuseUnroutable(draft, context.before ?? context.current, settings.cannotRoute, placed);
  if (settings.hasSecret) refuse(missingSecretProblems(draft, settings.hasSecret), context.at ?? '');
  return draft;
}

/**
 * As `readDefinition`, with everything that Marathon's model has. The stages are separate and never mixed in one answer:
 * contradictions between deprecated forms, the rules of the definition, rules about its change. Throws CatalogError
 * `invalid-object` with the findings of the first stage that has any.
 */
export function readModel(
  input: AppInput,
  id: string,
  { current, before = current, source, at = '' }: ReadingContext,
  settings: DefinitionSettings,
): AppDraft {
  refuse(deprecatedFormProblems(input), at);
  const translated = translateDeprecated(input, current, settings);
  const complete = current ? mergeApp(current, translated) : translated;
  const draft = normalizeApp(complete, id, settings);
  refuse([...validateApp(draft, complete, settings), ...labelProblems(draft, [before, source])], at);
  if (before) refuse(residentChangeProblems(before, draft), at);
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
  return at !== '' && path === '/' ? at : `${at}${path}`;
}
