import type { ContainerSpec } from '../containerizer.js';

/** A container's place in the bridge's network. */
export interface BridgePlace {
  readonly address: string;
  readonly portMappings: NonNullable<ContainerSpec['bridge']>['portMappings'];
}

/** Networks of 65 534 addresses that are tried in turn: the first one that no route of the host reaches into. */
const PREFIXES = ['172.29', '10.213', '172.28', '10.214'] as const;
/** Names of the host's ends of the wires; a name has 15 letters at most. */
const WIRE = 'lrv';

/** One line of /proc/net/route (proc(5)): addresses in hexadecimal, least byte first. */
interface Route {
  readonly destination: number;
  readonly mask: number;
}

function parseRoutes(text: string): readonly Route[] {
  const number = (word: string | undefined): number => {
    const bytes = (word ?? '').match(/../g)?.reverse().join('') ?? '0';
    return Number.parseInt(bytes, 16);
  };
  return text
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map((line) => line.split('\t'))
    .map((words) => ({ destination: number(words[1]), mask: number(words[7]) }));
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Routes to single addresses are containers', ours or of another agent of this host: those share the network. */
const isHostRoute = ({ mask }: Route): boolean => mask === 0xffffffff;

/** The first two parts of the network's addresses; undefined when the host has use for all that are tried. */
export function bridgePrefix(routes: string): string | undefined {
  const others = parseRoutes(routes).filter((route) => !isHostRoute(route) && route.mask !== 0);
  return PREFIXES.find((prefix) => {
    const first = numberOf(`${prefix}.0.0`);
    const last = first + 0xffff;
    return !others.some(({ destination, mask }) => {
      const end = destination + (0xffffffff - mask);
      return destination <= last && end >= first;
    });
  });
}

/** The address of the host in that network; it is the same on each wire. */
export function gatewayOf(prefix: string): string {
  return `${prefix}.0.1`;
}

/** A free address, the one after `last` first, so that one that was just given up rests; undefined when all are taken. */
export function freeAddress(
  prefix: string,
  routes: string,
  taken: ReadonlySet<string>,
  last: number,
): { readonly address: string; readonly index: number } | undefined {
  const routed = new Set(
    parseRoutes(routes)
      .filter(isHostRoute)
      .map(({ destination }) => destination),
  );
  const [least, most] = [2, 0xfffe];
  for (let step = 1; step <= most - least + 1; step++) {
    const index = least + ((Math.max(last, least - 1) - least + step) % (most - least + 1));
    const address = `${prefix}.${index >> 8}.${index & 0xff}`;
    if (!taken.has(address) && !routed.has(numberOf(address))) return { address, index };
  }
  return undefined;
}

/** The host's end of a container's wire. */
export function wireName(containerId: string): string {
  return `${WIRE}${containerId.replaceAll('-', '').slice(0, 12)}`;
}

/** A container's network namespace, as ip-netns(8) knows it. */
export function networkName(instanceId: string, containerId: string): string {
  return `longrun-${instanceId}-${containerId}`;
}

/** The table of the packet filter with everything of one work dir. */
export function tableName(instanceId: string): string {
  return `longrun_${instanceId.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
}

/**
 * Makes a namespace, and a wire between it and the host: a shell script. What a failed attempt left is removed first. The host may
 * send from its loopback addresses over the wire, since that is how its own programs reach a mapped port.
 */
export function attachScript(
  instanceId: string,
  containerId: string,
  address: string,
  gateway: string,
): string {
  const [name, wire] = [networkName(instanceId, containerId), wireName(containerId)];
  return `set -e
${detachScript(instanceId, containerId)}
ip netns add ${name}
ip -batch - <<end
link add ${wire} type veth peer name eth0 netns ${name}
addr add ${gateway}/32 dev ${wire}
link set ${wire} up
route add ${address}/32 dev ${wire}
end
echo 1 >/proc/sys/net/ipv4/conf/${wire}/route_localnet
ip -n ${name} -batch - <<end
link set lo up
addr add ${address}/32 dev eth0
link set eth0 up
route add ${gateway} dev eth0 scope link
route add default via ${gateway}
end
`;
}

/** The wire goes first: the namespace itself lasts as long as a process in it. */
export function detachScript(instanceId: string, containerId: string): string {
  const [name, wire] = [networkName(instanceId, containerId), wireName(containerId)];
  return `[ ! -e /sys/class/net/${wire} ] || ip link delete ${wire}
[ ! -e /run/netns/${name} ] || ip netns delete ${name}`;
}

function elements(places: readonly BridgePlace[], protocol: 'tcp' | 'udp'): string {
  const words = places.flatMap(({ address, portMappings }) =>
    portMappings
      .filter(({ protocols }) => protocols.includes(protocol))
      .map(({ hostPort, containerPort }) => `${hostPort} : ${address} . ${containerPort}`),
  );
  return words.length === 0 ? '' : ` elements = { ${words.join(', ')} };`;
}

/**
 * The whole table as nft(8) reads it, replaced in one stroke: ports of the host's own addresses lead to containers, from outside and
 * from the host itself; what containers send to the world bears the host's address.
 */
export function rulesText(instanceId: string, prefix: string, places: readonly BridgePlace[]): string {
  const table = `table ip ${tableName(instanceId)}`;
  if (places.length === 0) return `${table}\ndelete ${table}\n`;
  const redirect = ['tcp', 'udp']
    .map((protocol) => `    fib daddr type local dnat ip to ${protocol} dport map @${protocol}_ports`)
    .join('\n');
  return `${table}
delete ${table}
${table} {
  map tcp_ports { type inet_service : ipv4_addr . inet_service;${elements(places, 'tcp')} }
  map udp_ports { type inet_service : ipv4_addr . inet_service;${elements(places, 'udp')} }
  chain prerouting { type nat hook prerouting priority -100; policy accept;
${redirect}
  }
  chain output { type nat hook output priority -100; policy accept;
${redirect}
  }
  chain postrouting { type nat hook postrouting priority 100; policy accept;
    ip saddr 127.0.0.0/8 oifname "${WIRE}*" masquerade
    ip saddr ${prefix}.0.0/16 oifname "${WIRE}*" ct status dnat masquerade
    ip saddr ${prefix}.0.0/16 oifname != "${WIRE}*" masquerade
  }
}
`;
}

/** Whether a resolv.conf(5) names servers of names, and all of them on loopback. */
export function hasLoopbackResolversOnly(text: string): boolean {
  const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map(([, server]) => server ?? '');
  return servers.length > 0 && servers.every((server) => server.startsWith('127.') || server === '::1');
}
