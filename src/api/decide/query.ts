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
