import { hash32 } from './hash.js';

/** The cookie's name in marathon-lb's configurations. */
export const STICKY_COOKIE = 'mesosphere_server_id';

/** What the cookie says of a server: nothing that would tell its address. */
export function stickyId(serverName: string): string {
  return (
    hash32(serverName).toString(16).padStart(8, '0') +
    hash32(`${serverName} again`).toString(16).padStart(8, '0')
  );
}

/** The cookie's value in a request; `fields` are its header lines. Undefined without one. */
export function stickyCookieOf(fields: string): string | undefined {
  for (const line of fields.matchAll(/^cookie:([^\r\n]*)/gim)) {
    for (const pair of (line[1] ?? '').split(';')) {
      const [name, value] = pair.trim().split('=', 2);
      if (name === STICKY_COOKIE && value !== undefined) return value;
    }
  }
  return undefined;
}

/**
 * The lines that give a client its cookie. It lasts as long as the browser's session, as HAProxy's does; an answer that carries
 * it is nobody else's.
 */
export function stickyFields(id: string): string {
  return `Set-Cookie: ${STICKY_COOKIE}=${id}; Path=/; HttpOnly\r\nCache-Control: private\r\n`;
}
