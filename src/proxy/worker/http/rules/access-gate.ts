import { BlockList, isIP } from 'node:net';
import type { AccessList } from '../../../../apps/port-routing.js';

/**
 * An access list made ready for asking. Who cannot be told apart is kept out: a block that cannot be read admits nobody in
 * `allow` and stops everybody in `deny` (such blocks are refused when an app is posted).
 */
export class AccessGate {
  readonly #deny: BlockList;
  readonly #allow: BlockList | undefined;
  readonly #denyAll: boolean;

  constructor({ allow, deny }: AccessList) {
    const denied = new BlockList();
    this.#denyAll = (deny ?? []).map((block) => addBlock(denied, block)).includes(false);
    this.#deny = denied;
    if (allow && allow.length > 0) {
      this.#allow = new BlockList();
      for (const block of allow) addBlock(this.#allow, block);
    }
  }

  /** `client`: plain IPv4 or IPv6 (a zone in it is overlooked), without a port. */
  admits(client: string): boolean {
    const [address = ''] = client.split('%', 1);
    const version = isIP(address);
    if (this.#denyAll || version === 0) return false;
    const family = version === 6 ? 'ipv6' : 'ipv4';
    return !this.#deny.check(address, family) && (this.#allow?.check(address, family) ?? true);
  }
}

/** Adds `10.0.0.0/8`, `2001:db8::/32` or a single address; false: it is none. */
function addBlock(list: BlockList, block: string): boolean {
  const [address = '', length, more] = block.trim().split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  const longest = version === 6 ? 128 : 32;
  const prefix = length === undefined ? longest : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (prefix < 0 || prefix > longest) return false;
  list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
  return true;
}
