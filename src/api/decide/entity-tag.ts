/**
 * Entity tags have two parts, `"<definition>~<state>"`: the version of what is wanted, and what else the answer shows (tasks,
 * counters, deployments). A read that was seen before compares both; a write that must not overwrite another compares
 * only the first, so that a task that comes or goes is no lost update. A tag of the first part alone is good for writes.
 */
const SEPARATOR = '~';

/** Most tags of one header that are looked at. */
const MAX_TAGS = 64;

export function entityTag(definition: string, state?: string): string {
  return `"${definition}${state === undefined ? '' : SEPARATOR + state}"`;
}

function definitionOf(tag: string): string {
  const text = tag.slice(1, -1);
  const end = text.indexOf(SEPARATOR);
  return end < 0 ? text : text.slice(0, end);
}

/** The tags of an `If-Match` or `If-None-Match` header; `*` stands for itself. Weakness is no difference here. */
function tagsOf(header: string): readonly string[] {
  return header.trim() === '*' ? ['*'] : (header.match(/"[^"]*"/g) ?? []).slice(0, MAX_TAGS);
}

/** Whether the client's copy is what it would get: `If-None-Match` names the tag, whole. */
export function isUnchanged(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return tagsOf(ifNoneMatch).some((each) => each === '*' || each === tag);
}

export interface WriteConditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** Whether a write asks anything of what it changes. */
export function isConditional({ ifMatch, ifNoneMatch }: WriteConditions): boolean {
  return ifMatch !== undefined || ifNoneMatch !== undefined;
}

/**
 * Why a write must not be done (RFC 9110, 13.1), or undefined.
 *
 * @param current the tag of what is there; undefined when there is nothing
 */
export function failedPrecondition(
  { ifMatch, ifNoneMatch }: WriteConditions,
  current: string | undefined,
): string | undefined {
  const names = (header: string): boolean =>
    current !== undefined &&
    tagsOf(header).some((tag) => tag === '*' || definitionOf(tag) === definitionOf(current));
  if (ifMatch !== undefined && !names(ifMatch)) {
    return current === undefined
      ? 'it does not exist'
      : 'it was changed since the version that If-Match names';
  }
  if (ifNoneMatch !== undefined && names(ifNoneMatch)) {
    return ifNoneMatch.trim() === '*' ? 'it exists already' : 'it is what If-None-Match names';
  }
  return undefined;
}
