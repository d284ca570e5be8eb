const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/**
 * A whole answer that says in one line why the load balancer answers itself. `reason` is plain text of ours (what it quotes
 * from a request has passed the head's checks). HEAD gets no body.
 */
export function errorPage(
  status: number,
  reason: string,
  options: { readonly close: boolean; readonly head?: boolean },
): string {
  const phrase = phrases[status] ?? 'Error';
  const safe = reason.replace(/[^\x20-\x7e]/g, '?');
  const body = `${status} ${phrase}: ${safe}\n`;
  return (
    `HTTP/1.1 ${status} ${phrase}\r\n` +
    'Content-Type: text/plain; charset=utf-8\r\n' +
    'Cache-Control: no-store\r\n' +
    `X-Longrun-Reason: ${safe}\r\n` +
    `Content-Length: ${body.length}\r\n` +
    (options.close ? 'Connection: close\r\n' : '') +
    `\r\n${options.head ? '' : body}`
  );
}
