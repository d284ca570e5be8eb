import { isFieldValue } from './characters.js';
import { type HeadFields, HeadRefused, readFields } from './head-fields.js';

/** A response's head, checked and taken apart. */
export interface ResponseHead {
  readonly status: number;
  /** May be empty. */
  readonly reason: string;
  readonly minor: 0 | 1;
  readonly fields: HeadFields;
}

/** Reads a response head (latin1, closing empty line included). Throws HeadRefused: the server is not speaking HTTP/1. */
export function readResponseHead(text: string): ResponseHead {
  const lineEnd = text.indexOf('\r\n');
  const one = text.startsWith('HTTP/1.1 ');
  if (!one && !text.startsWith('HTTP/1.0 ')) throw new HeadRefused('malformed status line', 502);
  const status = Number(text.slice(9, 12));
  const after = text.charCodeAt(12);
  if (!Number.isInteger(status) || status < 100 || status > 999 || (after !== 0x20 && lineEnd !== 12)) {
    throw new HeadRefused('malformed status line', 502);
  }
  if (!isFieldValue(text, 12, lineEnd)) throw new HeadRefused('malformed status line', 502);
  const fields = readFields(text, lineEnd + 2, text.length - 2, 'response');
  if (!one && fields.chunked) throw new HeadRefused('a chunked body in HTTP/1.0', 502);
  return { status, reason: text.slice(13, lineEnd), minor: one ? 1 : 0, fields };
}
