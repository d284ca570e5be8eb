/** What a path below `/v2/pods` means; ids are as the client wrote them. */
export type PodRoute =
  | { readonly kind: 'pods' }
  /** `::status` of all pods. */
  | { readonly kind: 'statuses' }
  | { readonly kind: 'pod'; readonly podId: string }
  | { readonly kind: 'status'; readonly podId: string }
  | { readonly kind: 'versions'; readonly podId: string }
  | { readonly kind: 'version'; readonly podId: string; readonly version: string }
  | { readonly kind: 'instances'; readonly podId: string }
  | { readonly kind: 'instance'; readonly podId: string; readonly instanceId: string };

/** No id has it, so what follows it is never part of one. */
const MARK = '::';

/** The pod that the tail of a path after `/v2/pods` is about: everything before the first `::`. */
export function podIdOf(segments: readonly string[]): string {
  const tail = segments.join('/');
  const mark = tail.indexOf(MARK);
  return `/${mark < 0 ? tail : tail.slice(0, mark)}`;
}

/** Reads the tail of a path after `/v2/pods`; undefined when what follows `::` means nothing. */
export function podRoute(segments: readonly string[]): PodRoute | undefined {
  const tail = segments.join('/');
  const podId = podIdOf(segments);
  const mark = tail.indexOf(MARK);
  if (tail === '') return { kind: 'pods' };
  if (mark < 0) return { kind: 'pod', podId };
  const [word, part, ...more] = tail.slice(mark + MARK.length).split('/');
  if (more.length > 0) return undefined;
  if (podId === '/') return word === 'status' && part === undefined ? { kind: 'statuses' } : undefined;
  switch (word) {
    case 'status':
      return part === undefined ? { kind: 'status', podId } : undefined;
    case 'versions':
      return part === undefined ? { kind: 'versions', podId } : { kind: 'version', podId, version: part };
    case 'instances':
      return part === undefined
        ? { kind: 'instances', podId }
        : { kind: 'instance', podId, instanceId: part };
    default:
      return undefined;
  }
}
