import { isIP } from '../../../util/ip-address.js';

/** A value that was read, or what is wrong with it and what would be right. */
export type Read<T> = { readonly value: T } | { readonly problem: string; readonly hint: string };

const falseWords: ReadonlySet<string> = new Set(['false', 'f', 'no', 'n', 'off', '0']);
const trueWords: ReadonlySet<string> = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const hostName = /^(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/;
const pathBeginning = /^\/[!-~]{0,1023}$/;
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
const plainText = /^[\t\x20-\x7e\x80-\uffff]{0,8192}$/;
const cryptHash = /^\$[56]\$(rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}$/;

/** Fields that say how a message is framed or what one connection is for: whoever sets them breaks messages. */
const framingFields: ReadonlySet<string> = new Set(
  'connection content-length keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '),
);

export const HASH_HINT = 'Make one with `openssl passwd -6`; it begins with $6$ (or $5$).';

const wrong = (problem: string, hint: string): { problem: string; hint: string } => ({ problem, hint });

/** As Python reads them for marathon-lb: `true`, `yes`, `on`, `1` and their opposites, in any case. */
export function readFlag(text: string): Read<boolean> {
  const word = text.trim().toLowerCase();
  if (trueWords.has(word)) return { value: true };
  if (falseWords.has(word)) return { value: false };
  return wrong(`got ${shown(text)}, expected true or false`, 'Also accepted: yes, no, on, off, 1, 0.');
}

export function readWhole(text: string, least: number, most: number): Read<number> {
  const trimmed = text.trim();
  const value = /^[+-]?\d{1,10}$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (value >= least && value <= most) return { value };
  return wrong(`got ${shown(text)}, expected a whole number from ${least} to ${most}`, 'Give digits only.');
}

/** A virtual host; wildcards stand for all names below one. Lower case. */
export function readHost(text: string): Read<string> {
  const host = text.trim().toLowerCase();
  if (host.length <= 253 && hostName.test(host)) return { value: host };
  return wrong(
    `${shown(text)} is no host name`,
    'Without scheme, port and path: `www.example.com`, or `*.example.com` for all names below.',
  );
}

export function readPathBeginning(text: string): Read<string> {
  if (pathBeginning.test(text)) return { value: text };
  return wrong(`${shown(text)} is no beginning of a path`, 'It begins with `/` and has no blanks in it.');
}

/** An address or a block of them (`10.0.0.0/8`), as it is. */
export function readNetwork(text: string): Read<string> {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const family = isIP(address);
  const bits = slash < 0 ? '0' : text.slice(slash + 1);
  if (family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
    return { value: text };
  return wrong(
    `${shown(text)} is no address or block of addresses`,
    'For example 10.0.0.0/8 or 2001:db8::/32.',
  );
}

/** What a socket is bound to; `*` is every address. */
export function readBindAddress(text: string): Read<string> {
  const address = text.trim();
  if (address === '*') return { value: '0.0.0.0' };
  if (isIP(address) !== 0) return { value: address };
  return wrong(
    `${shown(text)} is no address`,
    'An IPv4 or IPv6 address of the load balancer’s host, or `*`.',
  );
}

/** More would keep the load balancer busy for too long with each new password. */
const MAX_HASH_ROUNDS = 100_000;

/** A password's hash as crypt writes it. */
export function readPasswordHash(text: string): Read<string> {
  if (Number(/\$rounds=(\d+)\$/.exec(text)?.[1] ?? 0) > MAX_HASH_ROUNDS)
    return wrong(`has more than ${MAX_HASH_ROUNDS} rounds`, HASH_HINT);
  if (cryptHash.test(text)) return { value: text };
  return wrong('is no SHA-256 or SHA-512 crypt hash', HASH_HINT);
}

export function readUser(text: string): Read<string> {
  if (/^[^\p{Cc}:]{1,128}$/u.test(text)) return { value: text };
  return wrong(`${shown(text)} can be no user`, 'Up to 128 characters without a colon.');
}

export function readRealm(text: string): Read<string> {
  if (/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(text)) return { value: text };
  return wrong(
    `${shown(text)} can be no realm`,
    'Up to 128 ASCII characters without quotes and backslashes.',
  );
}

/** The name of a field of messages that may be set, in lower case. */
export function readFieldName(text: string): Read<string> {
  const name = text.toLowerCase();
  if (!token.test(name))
    return wrong(`${shown(text)} is no name of a header`, 'Letters, digits and hyphens.');
  if (!framingFields.has(name)) return { value: name };
  return wrong(
    `${name} cannot be changed`,
    'It belongs to the connection; the load balancer sets it itself.',
  );
}

export function readFieldValue(text: string): Read<string> {
  if (plainText.test(text)) return { value: text };
  return wrong('contains characters that no header may have', 'One line of text without control characters.');
}

/** Where a redirection leads: an absolute http(s) URL, or a path. */
export function readLocation(text: string): Read<string> {
  if (/^(https?:\/\/[!-~]{1,2000}|\/[!-~]{0,2000})$/i.test(text)) return { value: text };
  return wrong(
    `${shown(text)} is no place to go to`,
    'An absolute http or https URL, or a path that begins with `/`.',
  );
}

/** A span in HAProxy's notation (`30s`, `5000` milliseconds, `1h`) in milliseconds. */
export function readSpanMs(text: string): Read<number> {
  const found = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text);
  const unit = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  if (found) return { value: Math.ceil(Number(found[1]) * unit[(found[2] ?? 'ms') as keyof typeof unit]) };
  return wrong(`${shown(text)} is no span of time`, 'For example 30s, 1500ms or 1h.');
}

/** Words between blanks and commas. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

/** A value in a message, never long. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
