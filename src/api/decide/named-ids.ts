import { resolvePath } from '../../apps/path.js';

/**
 * The ids that a body with one definition or an array of them names, absolute; what is no text is left out, since
 * validation refuses it. Known before validation, so that nobody learns by its findings what exists elsewhere.
 */
export function namedIds(body: unknown): readonly string[] {
  const definitions: readonly unknown[] = Array.isArray(body) ? body : [body];
  return definitions.flatMap((definition) => {
    if (typeof definition !== 'object' || definition === null) return [];
    const { id } = definition as { readonly id?: unknown };
    return typeof id === 'string' && id !== '' ? [resolvePath(id)] : [];
  });
}
