/** Which characters a token (method, header name) may hold, RFC 9110 section 5.6.2. */
const tokenCharacters = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  tokenCharacters[character.charCodeAt(0)] = 1;
}

/** Index of the first character that is not of a token, from `start`; at most `end`. */
export function skipToken(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && tokenCharacters[text.charCodeAt(at)] === 1) at += 1;
  return at;
}

/** Whether a character may be in a token. */
export function isTokenCharacter(code: number): boolean {
  return tokenCharacters[code] === 1;
}

/** Whether a field value holds only what it may: visible characters, blanks, tabs and bytes from 0x80 (RFC 9110 5.5). */
export function isFieldValue(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false;
  }
  return true;
}

/** Whether a request target holds only visible ASCII characters and no fragment, which is not for servers. */
export function isTarget(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false;
  }
  return start < end;
}

/** The value between optional blanks and tabs. */
export function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** A Content-Length: digits only, within what counts exactly; -1 when it is none. */
export function contentLength(value: string): number {
  if (value.length === 0 || value.length > 15) return -1;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return -1;
  }
  return Number(value);
}
