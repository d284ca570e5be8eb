/**
 * Where HAProxy 2.6 does something else, and why we do not follow: the rows of `Differences from HAProxy` in docs/load-balancer.md,
 * which has these very sentences.
 */
export const differences = {
  routing: 'A request that names no host, or one that no app serves, gets 404 on the shared ports.',
  lines:
    'Line ends that are a bare LF, blanks and tabs beyond one blank in the request line, more than two empty lines before it, and folded header lines are refused with 400; HAProxy mends them.',
  versions: 'HTTP versions other than 1.0 and 1.1 are refused with 505; HAProxy forwards them as 1.1.',
  preface:
    'The HTTP/2 preface on a port without TLS is refused with 505, except on service ports of `serverProtocol: h2c`; HAProxy begins to speak HTTP/2.',
  targets:
    'Only paths, http and https URLs without a user, and `*` for OPTIONS are targets; HAProxy forwards others.',
  hosts:
    'A Host that is no host (a path, a user, blanks, a list, a port in words) or comes twice is refused with 400; HAProxy does not look.',
  probes:
    'A client that connects and says nothing is closed without a word; HAProxy answers 408 (without its http-ignore-probes).',
  lengths:
    'Content-Length beside Transfer-Encoding, the same Content-Length twice, and chunks in HTTP/1.0 are refused with 400; HAProxy picks one reading.',
  chunks:
    'Chunk sizes with blanks, chunk lines that end in a bare LF, and trailers that say a length, an encoding or a host are refused with 400: bodies are forwarded as they come, so what servers could read otherwise is not forwarded.',
  nul: 'A NUL in a header value is refused with 400; HAProxy forwards it.',
  sizes:
    'Heads may have 32 KiB and names any length in it; HAProxy takes some 15 KiB (tune.bufsize), and names of 1 KiB.',
  'old-keep-alive':
    'An HTTP/1.0 client that asks for keep-alive gets it, since servers are asked in HTTP/1.1.',
  responses:
    'An answer with the same Content-Length twice, a folded line, a bare LF, a NUL, a status that is none or another version than HTTP/1.0 and 1.1 is not passed on: 502; HAProxy mends it or passes it on.',
  padding:
    'Chunk sizes that a server pads with blanks reach the client as they are; HAProxy writes them anew.',
} as const;
