import { isIP } from 'node:net';

/** The pieces of a comma separated list of addresses and CIDR blocks. */
export function blockList(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}

/** Whether this is an address, or a block of them as in `10.0.0.0/8` or `2001:db8::/32`. */
export function isAddressBlock(block: string): boolean {
  const [address = '', length, more] = block.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 6 ? 128 : 32));
}
