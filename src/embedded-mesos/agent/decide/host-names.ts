const loopback = ['localhost', '127.0.0.1', '::1'];

/** Names by which this agent may be asked: exactly those, each with its port. Guards against DNS rebinding. */
export function allowedHosts(facts: {
  address: string;
  hostname: string;
  addresses: readonly string[] | undefined;
  port: number;
}): ReadonlySet<string> {
  const { address, hostname, addresses, port } = facts;
  const names = new Set([address, hostname, ...(addresses ?? [])]);
  if (addresses || loopback.includes(address)) for (const name of loopback) names.add(name);
  const hosts = new Set<string>();
  for (const name of names) {
    const host = (name.includes(':') ? `[${name}]` : name).toLowerCase();
    if (host === '') continue;
    hosts.add(`${host}:${port}`);
    if (port === 80) hosts.add(host);
  }
  return hosts;
}
