import { appIdProblems, MAX_APP_ID_LENGTH, segmentsOf } from '../path.js';

/** Last segments that no app may have, and what is put behind them. */
const AFTER_RESERVED = '-app';

/**
 * The id nearest to a path that can be none: `/IPython Notebook` -> `/ipython-notebook`. Undefined when nothing is left
 * of it. A path that is an id already stays as it is.
 */
export function proposedAppId(path: string): string | undefined {
  if (appIdProblems(path).length === 0) return path;
  const segments = segmentsOf(path).map(proposedSegment);
  const id = cut(`/${segments.filter((segment) => segment !== '').join('/')}`);
  if (appIdProblems(id).length === 0) return id;
  const lengthened = `${id}${AFTER_RESERVED}`;
  return appIdProblems(lengthened).length === 0 ? lengthened : undefined;
}

/** Accents go, capitals become small, everything else that is no letter or digit becomes one hyphen. */
function proposedSegment(segment: string): string {
  return segment
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .split('.')
    .map((label) => label.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, ''))
    .filter((label) => label !== '')
    .join('.');
}

function cut(path: string): string {
  return path.slice(0, MAX_APP_ID_LENGTH).replace(/[-./]+$/, '') || '/';
}
