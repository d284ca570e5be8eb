import { fieldValues } from '../../decide/head-lines.js';

/** Why the load balancer answers itself, in `X-Longrun-Error`: with it people tell its errors from those of their apps. */
export type ErrorCode =
  | 'bad-request'
  | 'head-too-large'
  | 'request-timeout'
  | 'no-table'
  | 'unknown-host'
  | 'unknown-path'
  | 'unknown-app'
  | 'not-served'
  | 'denied'
  | 'misdirected'
  | 'unauthorized'
  | 'rate-limited'
  | 'circuit-open'
  | 'queue-full'
  | 'queue-timeout'
  | 'too-busy'
  | 'no-server'
  | 'connect-failed'
  | 'server-broke'
  | 'bad-response'
  | 'server-timeout';

/** Whose servers could not answer. */
export interface PageSubject {
  readonly appId: string;
  readonly servicePort: number;
  /** Servers that get requests. */
  readonly healthy: number;
  /** Instances that the app is meant to have; undefined: not known. */
  readonly wanted?: number | undefined;
}

export interface PageOptions {
  /** The connection ends after the answer. */
  readonly close: boolean;
  /** Answers HEAD: no body. */
  readonly head?: boolean;
  readonly code?: ErrorCode;
  /** The request's header lines: what its sender likes to read. */
  readonly lines?: string;
  readonly subject?: PageSubject;
  /** Further header lines, each with its CRLF. */
  readonly fields?: string;
  /** In place of the page: ASCII. */
  readonly body?: string;
}

const phrases: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  495: 'SSL Certificate Error',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** What an answer's status says by itself. */
const usualCodes: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  403: 'denied',
  404: 'unknown-host',
  408: 'request-timeout',
  429: 'rate-limited',
  431: 'head-too-large',
  502: 'bad-response',
  503: 'no-server',
  504: 'server-timeout',
};

/** Seconds after which it may be worth asking again; shorter than an instance takes to become healthy. */
const RETRY_AFTER_S = 2;
const MAX_ACCEPT_LENGTH = 1_024;

type Kind = 'text' | 'html' | 'json';

/** An answer of the load balancer's own, for whatever protocol the client speaks. */
export interface OwnPage {
  readonly status: number;
  readonly phrase: string;
  /** Header lines, each with its CRLF, without what belongs to the connection. */
  readonly fields: string;
  /** ASCII. */
  readonly body: string;
}

/**
 * What the load balancer says itself: in one line of text, or as a page for browsers, or as JSON for those who ask for it.
 * `reason` is plain text of ours (what it quotes from a request has passed the head's checks). It speaks of the request's
 * own app at most, never of others.
 */
export function ownPage(status: number, reason: string, options: Omit<PageOptions, 'close'>): OwnPage {
  const phrase = phrases[status] ?? 'Error';
  const safe = reason.replace(/[^\x20-\x7e]/g, '?');
  const code = status < 400 ? undefined : (options.code ?? usualCodes[status] ?? 'bad-request');
  const kind = status < 400 ? 'text' : wantedKind(options.lines ?? '');
  const { subject } = options;
  const body = options.body ?? bodies[kind]({ status, phrase, reason: safe, code, subject });
  const types: Record<Kind, string> = {
    text: 'text/plain; charset=utf-8',
    html: 'text/html; charset=utf-8',
    json: 'application/json',
  };
  let fields = `Content-Type: ${types[kind]}\r\nCache-Control: no-store\r\n`;
  if (code) fields += `X-Longrun-Reason: ${safe}\r\nX-Longrun-Error: ${code}\r\n`;
  if (kind === 'html') fields += "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n";
  if (status === 503) fields += `Retry-After: ${RETRY_AFTER_S}\r\n`;
  return { status, phrase, fields: fields + (options.fields ?? ''), body };
}

/** The same as a whole HTTP/1.1 message. */
export function errorPage(status: number, reason: string, options: PageOptions): string {
  const { phrase, fields, body } = ownPage(status, reason, options);
  return (
    `HTTP/1.1 ${status} ${phrase}\r\n${fields}Content-Length: ${body.length}\r\n` +
    `${options.close ? 'Connection: close\r\n' : ''}\r\n${options.head ? '' : body}`
  );
}

interface Said {
  readonly status: number;
  readonly phrase: string;
  readonly reason: string;
  readonly code: ErrorCode | undefined;
  readonly subject: PageSubject | undefined;
}

const bodies: Readonly<Record<Kind, (said: Said) => string>> = {
  text: ({ status, phrase, reason, subject }) =>
    `${status} ${phrase}: ${reason}\n${subject ? `${instancesOf(subject)}\n` : ''}`,
  json: ({ status, phrase, reason, code, subject }) =>
    `${JSON.stringify({
      status,
      error: code,
      message: `${phrase}: ${reason}`,
      ...(subject && {
        app: subject.appId,
        servicePort: subject.servicePort,
        healthyInstances: subject.healthy,
        ...(subject.wanted !== undefined && { instances: subject.wanted }),
      }),
    })}\n`,
  html: ({ status, phrase, reason, code, subject }) =>
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${status} ${phrase}</title>` +
    '<meta name="viewport" content="width=device-width">' +
    '<style>body{font:1rem/1.5 system-ui,sans-serif;margin:4rem auto;max-width:40rem;padding:0 1rem;color:#222}' +
    'h1{font-weight:500}small{color:#666}</style></head>\n' +
    `<body><h1>${status} ${phrase}</h1>\n<p>${escaped(sentence(reason))}</p>\n` +
    `${subject ? `<p>${escaped(instancesOf(subject))}</p>\n` : ''}` +
    `<p><small>Answered by the load balancer${code ? ` (${code})` : ''}.</small></p></body></html>\n`,
};

function instancesOf({ appId, servicePort, healthy, wanted }: PageSubject): string {
  const app = `${appId.replace(/[^\x20-\x7e]/g, '?')} on service port ${servicePort}: `;
  if (wanted === 0 && healthy === 0) return `${app}no instances are wanted (the app is scaled to 0).`;
  if (wanted === undefined)
    return `${app}${healthy} ${healthy === 1 ? 'instance is' : 'instances are'} healthy.`;
  return `${app}${healthy} of ${wanted} ${wanted === 1 ? 'instance is' : 'instances are'} healthy.`;
}

function sentence(reason: string): string {
  return `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}.`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const kinds: Readonly<Record<string, Kind>> = {
  'text/html': 'html',
  'application/xhtml+xml': 'html',
  'application/json': 'json',
  'text/plain': 'text',
};

/** What of an Accept header's types that we speak is liked best; the first of equals; text without any. */
function wantedKind(lines: string): Kind {
  const [accept] = fieldValues(lines, 'accept');
  if (!accept || accept.length > MAX_ACCEPT_LENGTH) return 'text';
  let best: Kind = 'text';
  let bestQ = 0;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const kind = kinds[type];
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const q = weight === undefined ? 1 : Number(weight.slice(2));
    if (!kind || !(q > bestQ)) continue;
    best = kind;
    bestQ = q;
  }
  return best;
}
