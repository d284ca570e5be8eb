/** What a request asks for. */
export interface RequestTarget {
  /** As it was sent, with whatever it encodes. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * Path and query of the target in a request's first line (RFC 9112 3.2). Anybody may send anything there (`//`, `*`, `http://[`),
 * which is no URL by itself: it is cut, never parsed, and nothing is thrown.
 */
export function requestTarget(target = '/'): RequestTarget {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0].length ?? 0;
  const own = target.slice(absolute).split('#', 1)[0] ?? '';
  const mark = own.indexOf('?');
  const path = mark < 0 ? own : own.slice(0, mark);
  return { path: path || '/', query: new URLSearchParams(mark < 0 ? '' : own.slice(mark + 1)) };
}
