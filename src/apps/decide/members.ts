import { canonicalJson } from './canonical-json.js';

/** `{[name]: value}`, or nothing when the value is absent or null. */
export function optional<Name extends string, T>(
  name: Name,
  value: T | null | undefined,
): { readonly [N in Name]?: T } {
  return value === null || value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: T });
}

/** The value, unless it has no members or elements. */
export function unlessEmpty<T extends object>(value: T | null | undefined): T | undefined {
  return value === null || value === undefined || Object.keys(value).length === 0 ? undefined : value;
}

/** The first of each set of equal values, in their order: these lists are sets to Marathon. */
export function distinct<T>(values: readonly T[]): readonly T[] {
  return values.length < 2
    ? values
    : [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
}

/** The members that are texts. */
export function textMembers(
  members: Readonly<Record<string, unknown>> | null | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(members ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** The object without members that are null. */
export function withoutNulls<T extends object>(value: T): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}
