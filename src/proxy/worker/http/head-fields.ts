import { contentLength, skipToken, trimmed } from './characters.js';

/** Largest head that is read, and most fields in it. */
export const MAX_HEAD_BYTES = 32 * 1024;
export const MAX_FIELDS = 100;

/** What the fields of a head mean for forwarding. */
export interface HeadFields {
  /** Lines to forward as they came, each with its CRLF. */
  forward: string;
  host: string | undefined;
  /** -1 without one. */
  contentLength: number;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  /** Value of Upgrade, when Connection names it. */
  upgrade: string | undefined;
  expect: string | undefined;
  forwardedFor: string | undefined;
  /** What a client says of its own connection, in lower case; not forwarded. */
  forwardedProto: string | undefined;
  /** X-Request-Id, the first: for logs. */
  requestId: string | undefined;
}

/** Why a head is refused. `tooMany`: only its size is wrong. */
export class HeadRefused extends Error {
  override readonly name = 'HeadRefused';
  constructor(
    message: string,
    readonly status: number = 400,
  ) {
    super(message);
  }
}

/** Fields that belong to one connection, those we say ourselves, and one that logs tell. */
const meant = [
  ...[
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'keep-alive',
    'proxy-connection',
  ],
  ...['te', 'expect', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
  ...['x-ssl-client-verify', 'x-ssl-client-dn', 'x-ssl-client-cn', 'x-request-id'],
];
const LONGEST_MEANT = 19;
/** By length and first letter: which third letters they have, a bit each. Letters differ in their last five bits. */
const thirdLetters = new Int32Array((LONGEST_MEANT + 1) * 32);
for (const name of meant) {
  const at = name.length * 32 + (name.charCodeAt(0) & 31);
  thirdLetters[at] = (thirdLetters[at] ?? 0) | (1 << (`${name}:`.charCodeAt(2) & 31));
}

/** Whether the name that begins at `line` may be one of them; most others are told apart without being copied. */
function mayBeMeant(text: string, line: number, length: number): boolean {
  if (length > LONGEST_MEANT) return false;
  const letters = thirdLetters[length * 32 + (text.charCodeAt(line) & 31)] ?? 0;
  return ((letters >> (text.charCodeAt(line + 2) & 31)) & 1) === 1;
}

/** Lines as they must be: a token, a colon, characters of a field's value. One look at a whole head is several times faster than a loop. */
const goodLines = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)+/y;

/** Index behind the last of the good lines from `start` on. */
function endOfGoodLines(text: string, start: number): number {
  goodLines.lastIndex = start;
  return goodLines.test(text) ? goodLines.lastIndex : start;
}

/** Connection must never make us drop these (request smuggling by nomination). */
const notNominated: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-ssl-client-verify',
  'x-ssl-client-dn',
  'x-ssl-client-cn',
  'authorization',
  'cookie',
]);

interface Pass {
  readonly fields: HeadFields;
  readonly kind: 'request' | 'response';
  connection: string;
  upgradeValue: string | undefined;
  lengths: number;
  encodings: number;
}

/**
 * Reads the field lines of a head. `start`: just behind the first line's CRLF; `end`: just behind the last field's CRLF
 * (the head's closing empty line follows). Throws HeadRefused on everything two parsers could read in two ways: bare CR
 * or LF, folded lines, blanks before the colon, repeated or malformed lengths, length and chunks together.
 */
export function readFields(
  text: string,
  start: number,
  end: number,
  kind: 'request' | 'response',
): HeadFields {
  const fields: HeadFields = {
    forward: '',
    host: undefined,
    contentLength: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    upgrade: undefined,
    expect: undefined,
    forwardedFor: undefined,
    forwardedProto: undefined,
    requestId: undefined,
  };
  const pass: Pass = { fields, kind, connection: '', upgradeValue: undefined, lengths: 0, encodings: 0 };
  let keptFrom = start;
  let count = 0;
  const goodUntil = endOfGoodLines(text, start);
  for (let line = start; line < end; ) {
    if (line >= goodUntil) refuseLine(text, line);
    const lineEnd = text.indexOf('\r', line);
    const colon = text.indexOf(':', line);
    if (++count > MAX_FIELDS) throw new HeadRefused(`more than ${MAX_FIELDS} header lines`, 431);
    if (mayBeMeant(text, line, colon - line) && isDropped(pass, text, line, colon, lineEnd)) {
      if (keptFrom < line) fields.forward += text.slice(keptFrom, line);
      keptFrom = lineEnd + 2;
    }
    line = lineEnd + 2;
  }
  if (keptFrom < end) fields.forward += text.slice(keptFrom, end);
  finish(pass);
  return fields;
}

/** Says what is wrong with a line. */
function refuseLine(text: string, line: number): never {
  const lineEnd = text.indexOf('\r\n', line);
  const colon = skipToken(text, line, lineEnd);
  if (colon === line || text.charCodeAt(colon) !== 0x3a) throw new HeadRefused('malformed header line');
  throw new HeadRefused('forbidden character in a header value');
}

/** Notes what the field means; true when the line is not forwarded as it is. */
function isDropped(pass: Pass, text: string, line: number, colon: number, lineEnd: number): boolean {
  const { fields } = pass;
  const name = text.slice(line, colon).toLowerCase();
  const value = (): string => trimmed(text, colon + 1, lineEnd);
  switch (name) {
    case 'host':
      if (pass.kind !== 'request') return false;
      if (fields.host !== undefined) throw new HeadRefused('more than one Host header');
      fields.host = value();
      return false;
    case 'content-length':
      readLength(pass, value());
      return true;
    case 'transfer-encoding':
      if (++pass.encodings > 1 || value().toLowerCase() !== 'chunked') {
        throw new HeadRefused('a transfer encoding other than chunked', pass.kind === 'request' ? 501 : 502);
      }
      fields.chunked = true;
      return true;
    case 'connection':
      pass.connection += `,${value().toLowerCase()}`;
      return true;
    case 'upgrade':
      pass.upgradeValue = value();
      return true;
    case 'keep-alive':
    case 'proxy-connection':
    case 'te':
      return true;
    case 'expect':
      fields.expect = value().toLowerCase();
      return false;
    case 'x-request-id':
      fields.requestId ??= value();
      return false;
    case 'x-forwarded-for':
      if (pass.kind === 'request') {
        fields.forwardedFor =
          fields.forwardedFor === undefined ? value() : `${fields.forwardedFor}, ${value()}`;
      }
      return pass.kind === 'request';
    case 'x-forwarded-proto':
      fields.forwardedProto = value().toLowerCase();
      return pass.kind === 'request';
    case 'x-forwarded-host':
    case 'x-forwarded-port':
    case 'x-ssl-client-verify':
    case 'x-ssl-client-dn':
    case 'x-ssl-client-cn':
      return pass.kind === 'request';
    default:
      return false;
  }
}

function readLength(pass: Pass, value: string): void {
  const length = contentLength(value);
  if (length < 0) throw new HeadRefused('malformed Content-Length');
  if (++pass.lengths > 1) throw new HeadRefused('more than one Content-Length header');
  pass.fields.contentLength = length;
}

function finish(pass: Pass): void {
  const { fields } = pass;
  if (pass.lengths > 0 && pass.encodings > 0) {
    if (pass.kind === 'request') throw new HeadRefused('both Content-Length and Transfer-Encoding');
    fields.contentLength = -1;
  }
  if (pass.connection === '') return;
  for (const raw of pass.connection.split(',')) {
    const option = raw.trim();
    if (option === '' || option === 'te') continue;
    if (option === 'close') fields.close = true;
    else if (option === 'keep-alive') fields.keepAlive = true;
    else if (option === 'upgrade') fields.upgrade = pass.upgradeValue;
    else if (!notNominated.has(option)) fields.forward = withoutField(fields.forward, option);
  }
}

/** Drops the lines of a field that Connection names as belonging to one hop. */
function withoutField(lines: string, name: string): string {
  return lines
    .split('\r\n')
    .filter((line) => line !== '' && line.slice(0, line.indexOf(':')).toLowerCase() !== name)
    .map((line) => `${line}\r\n`)
    .join('');
}
