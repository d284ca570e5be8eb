import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface SignalOptions {
  refetch(): Promise<boolean>;
  readonly token: string;
}

export interface SignalAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT']);

/**
 * marathon-lb's `/_mlb_signal/*`: `hup` has the whole routing table fetched anew, `usr1` has nothing to reload. Both want the work
 * dir's token, as a bearer token or as the password of any user; another site's page is refused even so.
 */
export async function answerSignal(
  name: string,
  { method = '', headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  { refetch, token }: SignalOptions,
): Promise<SignalAnswer> {
  if (name !== 'hup' && name !== 'usr1') return answer(404, 'the signals are hup and usr1\n');
  if (!methods.has(method)) return answer(405, 'ask with GET or POST\n', { Allow: 'GET, POST, PUT' });
  const site = headers['sec-fetch-site'];
  if (headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin'))
    return answer(403, 'not for the pages of other sites\n');
  if (!isRight(headers.authorization, token))
    return answer(401, 'this needs the token of the work dir\n', {
      'WWW-Authenticate': 'Bearer realm="longrun", Basic realm="longrun"',
    });
  if (name === 'usr1')
    return answer(200, 'there is nothing to reload: the routing table follows every change by itself\n');
  return (await refetch())
    ? answer(200, 'the routing table is fetched anew\n')
    : answer(503, 'the server is away; the routing table is fetched anew as soon as it is back\n');
}

function answer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): SignalAnswer {
  return { status, text, headers };
}

function isRight(authorization: string | undefined, token: string): boolean {
  const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(authorization ?? '') ?? [];
  if (token === '') return false;
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return isSame(credentials, token);
    case 'basic': {
      const pair = Buffer.from(credentials, 'base64').toString('utf8');
      return isSame(pair.slice(pair.indexOf(':') + 1), token);
    }
    default:
      return false;
  }
}

/** In a time that does not tell how much of it was right. */
function isSame(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
