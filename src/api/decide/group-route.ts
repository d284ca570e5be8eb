/** What a path below `/v2/groups` means. */
export type GroupRoute =
  | { readonly kind: 'group'; readonly groupId: string }
  | { readonly kind: 'apps'; readonly groupId: string }
  | { readonly kind: 'versions'; readonly groupId: string }
  | { readonly kind: 'version'; readonly groupId: string; readonly version: string };

const groupOf = (segments: readonly string[]): string => `/${segments.join('/')}`;

/**
 * Reads the tail of a path after `/v2/groups`. For reading, the endings `apps`, `versions` and `versions/{version}` name
 * what is to be read of the group before them; for writing they are part of a group's path, as in Marathon.
 */
export function groupRoute(segments: readonly string[], method: string): GroupRoute {
  const reads = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  const last = segments.at(-1);
  if (reads && (last === 'apps' || last === 'versions'))
    return { kind: last, groupId: groupOf(segments.slice(0, -1)) };
  if (reads && last !== undefined && segments.at(-2) === 'versions')
    return { kind: 'version', groupId: groupOf(segments.slice(0, -2)), version: last };
  return { kind: 'group', groupId: groupOf(segments) };
}
