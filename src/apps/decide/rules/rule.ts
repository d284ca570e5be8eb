import type { ErrorDetail } from '../../../errors/registry.js';
import type { PortDefinition } from '../../app.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../../app-input.js';
import type { PortMapping } from '../../container.js';

/** One finding before grouping: path, Marathon's text where Marathon has one, our code and hint. */
export type Finding = readonly [path: string, error: string, code: string, hint: string];

/** One detail per path, in the order of the findings; the code and hint are those of the first. */
export function findingsByPath(findings: Iterable<Finding>): readonly ErrorDetail[] {
  const byPath = new Map<string, { errors: string[]; code: string; hint: string }>();
  for (const [path, error, code, hint] of findings) {
    const known = byPath.get(path);
    if (!known) byPath.set(path, { errors: [error], code, hint });
    else if (!known.errors.includes(error)) known.errors.push(error);
  }
  return [...byPath].map(([path, finding]) => ({ path, ...finding }));
}

/**
 * A rule about one app by itself. `draft` is the normalised definition, `input` what it was made from, without deprecated
 * forms: what normalising cannot express (a volume of no kind, a limit that is a word) is still there.
 */
export type Rule = (draft: AppDraft, input: AppInput, settings: DefinitionSettings) => Iterable<Finding>;

/** The ports of an app, whatever its networking: port definitions or its container's port mappings. */
export function portsOf({ portDefinitions, container }: AppDraft): readonly (PortDefinition | PortMapping)[] {
  return container?.portMappings ?? portDefinitions;
}

export const hasNul = (text: string): boolean => text.includes('\0');

export const nul = (path: string): Finding => [
  path,
  'must not contain a NUL character',
  'nul',
  'Processes cannot receive it.',
];
