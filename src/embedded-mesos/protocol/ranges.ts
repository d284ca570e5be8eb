import type { Range } from './values.js';

/** Sorts by begin and joins ranges that touch or overlap: `[5-9,1-4]` becomes `[1-9]`. */
export function coalesce(ranges: readonly Range[]): readonly Range[] {
  if (isCoalesced(ranges)) return ranges;
  const sorted = [...ranges].sort((a, b) => a.begin - b.begin);
  const joined: Range[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last && range.begin <= last.end + 1)
      joined[joined.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
    else joined.push(range);
  }
  return joined;
}

function isCoalesced(ranges: readonly Range[]): boolean {
  let end = Number.NEGATIVE_INFINITY;
  for (const range of ranges) {
    if (range.begin <= end + 1) return false;
    end = range.end;
  }
  return true;
}

/** Union. Both must be coalesced, as is the result. One pass over both. */
export function uniteRanges(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const joined: Range[] = [];
  let last: Range | undefined;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const left = a[i];
    const right = b[j];
    const takeLeft = left !== undefined && (right === undefined || left.begin <= right.begin);
    const range = takeLeft ? left : right;
    if (takeLeft) i++;
    else j++;
    if (!range) break;
    if (last && range.begin <= last.end + 1) {
      last = { begin: last.begin, end: Math.max(last.end, range.end) };
      joined[joined.length - 1] = last;
    } else {
      last = range;
      joined.push(range);
    }
  }
  return joined;
}

/** What of `a` is not in `b`. Both must be coalesced, as is the result. One pass over both. */
export function subtractRanges(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  if (b.length === 0) return a;
  const rest: Range[] = [];
  let next = 0;
  for (const range of a) {
    let begin = range.begin;
    for (let cut = b[next]; cut && cut.end < begin; cut = b[next]) next++;
    for (let at = next; ; at++) {
      const cut = b[at];
      if (!cut || cut.begin > range.end) break;
      if (cut.begin > begin) rest.push({ begin, end: cut.begin - 1 });
      begin = cut.end + 1;
    }
    if (begin <= range.end) rest.push({ begin, end: range.end });
  }
  return rest;
}

/** Whether every number of `b` is in `a`. Both must be coalesced. */
export function rangesContain(a: readonly Range[], b: readonly Range[]): boolean {
  return b.every((wanted) => {
    const range = a[lastBeginningAtOrBefore(a, wanted.begin)];
    return range !== undefined && wanted.end <= range.end;
  });
}

function lastBeginningAtOrBefore(ranges: readonly Range[], value: number): number {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.begin ?? Number.POSITIVE_INFINITY) <= value) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}
