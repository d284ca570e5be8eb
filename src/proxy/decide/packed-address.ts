import { isIPv4 } from '../../util/ip-address.js';

/** The 4 or 16 bytes of an address in its text form (a zone is left out). The text must be an address. */
export function packAddress(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  const [address = ''] = text.split('%', 1);
  const [before = '', after] = address.split('::');
  const head = groupsOf(before);
  const tail = after === undefined ? [] : groupsOf(after);
  const missing = after === undefined ? 0 : 8 - head.length - tail.length;
  const bytes = Buffer.alloc(16);
  [...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  return bytes;
}

/** The 16-bit groups of a part of an IPv6 address; its end may be an IPv4 address. */
function groupsOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** The text form of 4 or 16 bytes; RFC 5952's for IPv6, IPv4 in IPv6's clothes plainly. */
export function unpackAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return bytes.subarray(12).join('.');
  const { at, length } = longestZeros(groups);
  const text = (from: number, to?: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? text(0) : `${text(0, at)}::${text(at + length)}`;
}

function longestZeros(groups: readonly number[]): { readonly at: number; readonly length: number } {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  return best;
}
