/** JSON with members in alphabetical order and absent ones left out: equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'object' && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)))
        : member,
    ) ?? 'undefined'
  );
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
