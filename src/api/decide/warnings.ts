import type { AppId, AppRecord } from '../../apps/app.js';
import { unheededLabel } from '../../apps/decide/unheeded-labels.js';

/** Most warnings of one answer, and most of them in its head. */
const MAX_WARNINGS = 100;
const MAX_IN_HEAD = 5;
const MAX_CHARACTERS = 300;
/** Most definitions of one body that are looked at. */
const MAX_DEFINITIONS = 1_000;

/** Labels whose names promise an effect that they do not have; only those that the change brings or alters. */
export function labelWarnings(
  changes: readonly {
    readonly appId: AppId;
    readonly before: AppRecord | undefined;
    readonly after: AppRecord | undefined;
  }[],
): readonly string[] {
  const warnings: string[] = [];
  for (const { appId, before, after } of changes) {
    if (before === after) continue;
    for (const [name, value] of Object.entries(after?.app.labels ?? {})) {
      if (before?.app.labels[name] === value) continue;
      const found = unheededLabel(name);
      if (found) warnings.push(`${appId}: label ${name} has no effect: ${found.why}`);
      if (warnings.length === MAX_WARNINGS) return warnings;
    }
  }
  return warnings;
}

/** Members of a definition, or of a list of them, that nobody reads: spelled wrongly, or another version's. */
export function unknownFieldWarnings(body: unknown, isKnown: (member: string) => boolean): readonly string[] {
  const warnings: string[] = [];
  for (const definition of (Array.isArray(body) ? body : [body]).slice(0, MAX_DEFINITIONS) as unknown[]) {
    if (typeof definition !== 'object' || definition === null) continue;
    const id = 'id' in definition && typeof definition.id === 'string' ? `${definition.id}: ` : '';
    for (const name of Object.keys(definition)) {
      if (!isKnown(name)) warnings.push(`${id}the field ${name} is unknown and was left out`);
      if (warnings.length === MAX_WARNINGS) return warnings;
    }
  }
  return warnings;
}

/** The first of them as the value of a header; undefined when there are none. */
export function warningLine(warnings: readonly string[]): string | undefined {
  if (warnings.length === 0) return undefined;
  const first = warnings.slice(0, MAX_IN_HEAD).map((text) => text.slice(0, MAX_CHARACTERS));
  const rest = warnings.length - first.length;
  const line = [...first, ...(rest > 0 ? [`and ${rest} more`] : [])].join(' | ');
  return line.replaceAll('’', "'").replaceAll(/[^\x20-\x7e]/g, '?');
}
