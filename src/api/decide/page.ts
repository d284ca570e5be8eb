import { CatalogError } from '../../errors/registry.js';
import { queryText, queryTexts } from './query.js';

/** Most items of one page. */
export const MAX_PAGE_ITEMS = 1_000;
/** Most members that a selection names. */
const MAX_FIELDS = 64;
const MAX_CURSOR_CHARACTERS = 1_024;

/** Which part of a list is asked for. Without `limit` it is all that comes after `after`. */
export interface PageRequest {
  readonly limit: number | undefined;
  /** Key of the last item of the page before; the item need not exist any more. */
  readonly after: string | undefined;
}

/** Reads `limit` and `after`; undefined when the whole list is asked for. Throws `invalid-argument`. */
export function pageRequest(query: URLSearchParams): PageRequest | undefined {
  const text = queryText(query, 'limit');
  const after = queryText(query, 'after');
  if (text === undefined && after === undefined) return undefined;
  const limit = text === undefined ? undefined : Number(text);
  if (text !== undefined && (!/^\d{1,9}$/.test(text) || limit === 0 || Number(text) > MAX_PAGE_ITEMS)) {
    throw new CatalogError('invalid-argument', {
      reason: `got ${text.slice(0, 20)} as limit, expected between 1 and ${MAX_PAGE_ITEMS}`,
      hint: 'The Link header of each page names the next one.',
    });
  }
  if (after !== undefined && after.length > MAX_CURSOR_CHARACTERS) {
    const reason = `the cursor in after is longer than ${MAX_CURSOR_CHARACTERS} characters`;
    throw new CatalogError('invalid-argument', { reason, hint: 'Take it from the Link header of a page.' });
  }
  return { limit, after };
}

/** The Link header that names the page after the item `last` (RFC 8288); `url` is the request's own, path and query. */
export function nextLink(url: string, last: string): string {
  const [path = '', text = ''] = url.split('?', 2);
  const query = new URLSearchParams(text);
  query.set('after', last);
  return `<${path}?${query.toString()}>; rel="next"`;
}

/** The members that are asked for, `fields=a,b` or repeated; undefined for all. */
export function fieldSelection(query: URLSearchParams): ReadonlySet<string> | undefined {
  const names = queryTexts(query, 'fields')
    .flatMap((text) => text.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .slice(0, MAX_FIELDS);
  return names.length === 0 ? undefined : new Set(names);
}

/** The object in `json` with the selected members only; a name that it does not have is left out. */
export function selectFields(json: string, fields: ReadonlySet<string>): string {
  const item = JSON.parse(json) as Readonly<Record<string, unknown>>;
  return JSON.stringify(Object.fromEntries(Object.entries(item).filter(([name]) => fields.has(name))));
}
