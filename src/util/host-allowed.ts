/** Where a request arrived and what it claims to be for. */
export interface HostQuestion {
  /** The Host header as sent; undefined when there was none. */
  readonly host: string | undefined;
  /** Address and port of our end of the connection. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Further names of this server: its configured address and hostname. */
  readonly names: readonly string[];
}

/** `::ffff:127.0.0.1` (an IPv4 peer on a dual-stack socket) is `127.0.0.1`. */
function unmapped(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** An IPv6 address stands in brackets in a Host header. */
function asHost(name: string): string {
  const bare = unmapped(name).toLowerCase();
  return bare.includes(':') ? `[${bare}]` : bare;
}

/** Addresses that mean "every interface" are no names of anything. */
const everyInterface: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * The exact authorities (`name:port`, and the bare name on port 80) under which this connection's server is known. A
 * web page that points a name of its own at our address (DNS rebinding) is none of them.
 */
export function allowedAuthorities(question: Omit<HostQuestion, 'host'>): ReadonlySet<string> {
  const local = unmapped(question.localAddress);
  const hosts = new Set([asHost(local)]);
  for (const name of question.names) if (name !== '' && !everyInterface.has(name)) hosts.add(asHost(name));
  if (isLoopback(local)) for (const name of ['localhost', '127.0.0.1', '[::1]']) hosts.add(name);
  const authorities = new Set<string>();
  for (const host of hosts) {
    authorities.add(`${host}:${question.localPort}`);
    if (question.localPort === 80) authorities.add(host);
  }
  return authorities;
}

/** `localhost`, an IPv4 address or a bracketed IPv6 address, with or without a port. */
function isAddressLiteral(authority: string): boolean {
  const name = authority.replace(/:\d{1,5}$/, '');
  if (name === 'localhost' || addressFamily(name) === 4) return true;
  return name.startsWith('[') && name.endsWith(']') && addressFamily(name.slice(1, -1)) === 6;
}

/**
 * Whether the Host header names this server, exactly. Case does not matter; anything else does. A server that listens
 * on every interface (`names` has a wildcard) may be behind a mapping it cannot see, as a container's published port
 * is: there any literal address and `localhost` will do, at any port. Those cannot be rebound, since no name server is
 * asked for them.
 */
export function hostAllowed(question: HostQuestion): boolean {
  if (question.host === undefined) return false;
  const host = question.host.toLowerCase();
  if (allowedAuthorities(question).has(host)) return true;
  return question.names.some((name) => everyInterface.has(name)) && isAddressLiteral(host);
}

/** 4 or 6 when the text can only be an IP address, else 0. No name that DNS resolves is made of digits and dots, or of colons. */
function addressFamily(text: string): 0 | 4 | 6 {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return 4;
  return /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text) ? 6 : 0;
}
