import { isIPv6 } from 'node:net';
import { fieldValues } from '../../../decide/head-lines.js';

/** Who somebody says he is. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What a hash in crypt's notation is not. */
export const PLAIN = '{plain}';
const MAX_CREDENTIALS_LENGTH = 1_024;
const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** The credentials in a request's header lines (RFC 7617); undefined: none, several, or malformed. */
export function credentialsIn(lines: string): Credentials | undefined {
  const values = fieldValues(lines, 'authorization');
  const [value] = values;
  if (value === undefined || values.length > 1 || value.length > MAX_CREDENTIALS_LENGTH) return undefined;
  const encoded = basic.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The header line of a 401 that asks for a password. */
export function challenge(realm: string): string {
  const quoted = realm.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&');
  return `WWW-Authenticate: Basic realm="${quoted}", charset="UTF-8"\r\n`;
}

/** Whom failures are counted against: an IPv4 address, or the 64 bits of an IPv6 address that one household has. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [before = '', after] = address.split('::');
  const groups = before === '' ? [] : before.split(':');
  const tail =
    after === undefined || after === '' ? 0 : after.split(':').length + (after.includes('.') ? 1 : 0);
  if (after !== undefined) while (groups.length < Math.min(4, 8 - tail)) groups.push('0');
  const all = after === undefined ? groups : [...groups, ...after.split(':')];
  return `${all.slice(0, 4).join(':')}::/64`;
}
