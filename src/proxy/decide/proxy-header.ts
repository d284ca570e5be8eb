import { isIP, isIPv4, isIPv6 } from '../../util/ip-address.js';
import { packAddress, unpackAddress } from './packed-address.js';

/** One end of a connection. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What a PROXY header says. Without addresses the connection speaks for itself (LOCAL, UNKNOWN, other families). */
export interface ProxyHeader {
  /** Bytes that it took. */
  readonly length: number;
  readonly source?: Endpoint;
  readonly destination?: Endpoint;
}

/** It is no PROXY header; nothing may be believed of this connection. */
export class ProxyHeaderRefused extends Error {
  override readonly name = 'ProxyHeaderRefused';
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** Longest first version, line end included (the protocol's own bound). */
const MAX_V1_BYTES = 107;
/** Longest second version that is read, with all that is attached to it. */
export const MAX_V2_BYTES = 4_096;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const v1Line = /^PROXY TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

/**
 * Reads the PROXY header (version 1 or 2) that `bytes` begin with. Undefined: more bytes are needed. Throws ProxyHeaderRefused
 * on anything else. What is attached to version 2 (TLVs) is skipped.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length === 0) return undefined;
  return bytes[0] === SIGNATURE[0] ? readV2(bytes) : readV1(bytes);
}

function readV1(bytes: Buffer): ProxyHeader | undefined {
  const start = bytes.toString('latin1', 0, Math.min(bytes.length, 6));
  if (!'PROXY '.startsWith(start)) throw new ProxyHeaderRefused('no PROXY header');
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= MAX_V1_BYTES) throw new ProxyHeaderRefused('an endless PROXY header');
    return undefined;
  }
  const line = bytes.toString('latin1', 0, end);
  const length = end + 2;
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { length };
  const [, family, from = '', to = '', fromPort, toPort] = v1Line.exec(line) ?? [];
  const isFamily = family === '4' ? isIPv4 : isIPv6;
  const source = { address: from, port: Number(fromPort) };
  const destination = { address: to, port: Number(toPort) };
  if (!isFamily(from) || !isFamily(to) || !(source.port <= 0xffff && destination.port <= 0xffff))
    throw new ProxyHeaderRefused('malformed PROXY header');
  return { length, source: plain(source), destination: plain(destination) };
}

function readV2(bytes: Buffer): ProxyHeader | undefined {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known)))
    throw new ProxyHeaderRefused('no PROXY header');
  if (bytes.length < FIXED_BYTES) return undefined;
  const command = bytes.readUInt8(12);
  if (command !== 0x20 && command !== 0x21) throw new ProxyHeaderRefused('unknown PROXY version or command');
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  if (length > MAX_V2_BYTES) throw new ProxyHeaderRefused('an endless PROXY header');
  if (bytes.length < length) return undefined;
  const family = bytes.readUInt8(13);
  if (command === 0x20 || (family !== TCP_OVER_IPV4 && family !== TCP_OVER_IPV6)) return { length };
  const addressBytes = family === TCP_OVER_IPV4 ? 4 : 16;
  if (length < FIXED_BYTES + 2 * addressBytes + 4)
    throw new ProxyHeaderRefused('a PROXY header without its addresses');
  const at = (offset: number): string =>
    unpackAddress(bytes.subarray(FIXED_BYTES + offset, FIXED_BYTES + offset + addressBytes));
  const ports = FIXED_BYTES + 2 * addressBytes;
  return {
    length,
    source: plain({ address: at(0), port: bytes.readUInt16BE(ports) }),
    destination: plain({ address: at(addressBytes), port: bytes.readUInt16BE(ports + 2) }),
  };
}

/** The header that tells a server who the client is. Addresses that are none: the header that says nothing about them. */
export function writeProxyHeader(version: 'v1' | 'v2', source: Endpoint, destination: Endpoint): Buffer {
  const known = isIP(source.address) !== 0 && isIP(destination.address) !== 0;
  const four = isIPv4(source.address) && isIPv4(destination.address);
  const [from, to] = four || !known ? [source, destination] : [inSix(source), inSix(destination)];
  if (version === 'v1') {
    if (!known) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
    return Buffer.from(
      `PROXY TCP${four ? 4 : 6} ${from.address} ${to.address} ${from.port} ${to.port}\r\n`,
      'latin1',
    );
  }
  if (!known) return Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(from.port, 0);
  ports.writeUInt16BE(to.port, 2);
  const addresses = Buffer.concat([packAddress(from.address), packAddress(to.address), ports]);
  const kind = Buffer.from([0x21, four ? TCP_OVER_IPV4 : TCP_OVER_IPV6, 0, addresses.length]);
  return Buffer.concat([SIGNATURE, kind, addresses]);
}

/** An IPv4 end of a connection whose other end is written as IPv6. */
function inSix({ address, port }: Endpoint): Endpoint {
  return { address: isIPv4(address) ? `::ffff:${address}` : address.replace(/%.*$/, ''), port };
}

function plain({ address, port }: Endpoint): Endpoint {
  return { address: address.replace(/^::ffff:(?=\d+\.)/i, ''), port };
}
