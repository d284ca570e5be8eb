/** What a client says first in TLS, as far as it decides which certificate it is shown. */
export interface ClientHello {
  /** The name that it asks for (SNI), lower case; empty: none. */
  readonly serverName: string;
}

/** `more`: it is not whole yet; `broken`: it is none. */
export type HelloRead = ClientHello | 'more' | 'broken';

/** A hello that is longer is refused; with post-quantum keys they are about 2 KiB. */
export const MAX_HELLO_BYTES = 16 * 1024;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MAX_RECORD_BYTES = 16_384;
/** What Node.js says when it is read behind the end. */
const outOfBounds: ReadonlySet<string> = new Set(['ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS']);
const serverNamePattern = /^[a-z0-9_]([a-z0-9_.-]{0,253}[a-z0-9_.])?$/;

/**
 * Reads the client's hello (RFC 8446 4.1.2, RFC 6066 3) from the first bytes of a connection. Only its frame and its server
 * name are looked at; whether it makes sense is for the TLS library to say, which gets the same bytes.
 */
export function readClientHello(bytes: Buffer): HelloRead {
  const message = handshakeMessage(bytes);
  if (typeof message === 'string') return message;
  try {
    return { serverName: serverNameIn(message) };
  } catch (error) {
    if (outOfBounds.has((error as NodeJS.ErrnoException).code ?? '')) return 'broken';
    throw error;
  }
}

/** The first handshake message, put together from its records. */
function handshakeMessage(bytes: Buffer): Buffer | 'more' | 'broken' {
  const pieces: Buffer[] = [];
  let have = 0;
  let need = -1;
  for (let at = 0; ; ) {
    if (bytes.length > at && bytes[at] !== HANDSHAKE_RECORD) return 'broken';
    if (bytes.length < at + 5) break;
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at + 1] !== 3 || length === 0 || length > MAX_RECORD_BYTES) return 'broken';
    const piece = bytes.subarray(at + 5, at + 5 + length);
    pieces.push(piece);
    have += piece.length;
    if (need < 0 && have >= 4) {
      const start = Buffer.concat(pieces);
      if (start[0] !== CLIENT_HELLO) return 'broken';
      need = 4 + start.readUIntBE(1, 3);
      if (need > MAX_HELLO_BYTES) return 'broken';
    }
    if (need >= 0 && have >= need) return Buffer.concat(pieces).subarray(4, need);
    if (piece.length < length) break;
    at += 5 + length;
  }
  return bytes.length > MAX_HELLO_BYTES ? 'broken' : 'more';
}

/** Throws RangeError where the hello ends too early. */
function serverNameIn(hello: Buffer): string {
  let at = 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  if (at >= hello.length) return '';
  const end = Math.min(hello.length, at + 2 + hello.readUInt16BE(at));
  at += 2;
  while (at + 4 <= end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    at += 4;
    if (type === SERVER_NAME && length >= 5 && hello.readUInt8(at + 2) === HOST_NAME) {
      const nameLength = hello.readUInt16BE(at + 3);
      const name = hello.toString('latin1', at + 5, Math.min(end, at + 5 + nameLength)).toLowerCase();
      const plain = name.endsWith('.') ? name.slice(0, -1) : name;
      return serverNamePattern.test(plain) ? plain : '';
    }
    at += length;
  }
  return '';
}
