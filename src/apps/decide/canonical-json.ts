/** JSON with members in alphabetical order and absent ones left out: equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  return textOf(value) ?? 'undefined';
}

/** By hand, since a bulk request needs it a thousand times in one turn; undefined for what JSON has no text for. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each) => textOf(each) ?? 'null').join(',')}]`;
  const members: string[] = [];
  for (const name of namesOf(value)) {
    const text = textOf((value as Record<string, unknown>)[name]);
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(',')}}`;
}

/** In the order in which an object made from the sorted members lists them: array indexes by number, before all others. */
function namesOf(value: object): string[] {
  const names = Object.keys(value);
  const [first] = names;
  if (first !== undefined && /^\d/.test(first))
    return Object.keys(Object.fromEntries(names.sort().map((name) => [name, 0])));
  return names.sort();
}

/** Deep equality of JSON values; the order of members does not count, an undefined member is an absent one. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((value, index) => sameJson(value, right[index]));
  }
  return membersWithin(left, right) && membersWithin(right, left, false);
}

/** Whether every member of `inner` is in `outer`, with the same value if `deep`. */
function membersWithin(inner: object, outer: object, deep = true): boolean {
  for (const [name, value] of Object.entries(inner)) {
    if (value === undefined) continue;
    const other: unknown = Object.hasOwn(outer, name) ? (outer as Record<string, unknown>)[name] : undefined;
    if (other === undefined || (deep && !sameJson(value, other))) return false;
  }
  return true;
}
