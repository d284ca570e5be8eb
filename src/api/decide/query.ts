import { CatalogError } from '../../errors/registry.js';

/** Most values of one repeatable parameter that are looked at. */
const MAX_VALUES = 256;

/** The first value of a query parameter; undefined when it is absent. */
export function queryText(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) ?? undefined;
}

/** All values of a repeatable parameter, `name` and `name[]` alike, empty ones dropped. */
export function queryTexts(query: URLSearchParams, name: string): readonly string[] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)]
    .filter((value) => value !== '')
    .slice(0, MAX_VALUES);
}

/** A boolean parameter: `true` or `false` in any case, present without a value means true, anything else `fallback`. */
export function queryFlag(query: URLSearchParams, name: string, fallback: boolean): boolean {
  const value = query.get(name)?.toLowerCase();
  if (value === undefined) return fallback;
  if (value === '' || value === 'true') return true;
  return value === 'false' ? false : fallback;
}

/** A whole number within bounds; undefined when it is absent or empty. Throws `invalid-argument` for anything else. */
export function queryWhole(
  query: URLSearchParams,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const text = queryText(query, name);
  if (text === undefined || text === '') return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CatalogError('invalid-argument', {
    reason: `The query parameter '${name}' must be a whole number from ${min} to ${max}`,
    hint: 'Give the `next` of one answer as the `after` of the following request.',
  });
}
