import { backendName } from '../decide/names.js';
import type { RoutingTable, Service } from '../table.js';

/** Services in the order of their names. */
function sorted(table: RoutingTable): readonly Service[] {
  return Object.values(table.services).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

const nameOf = ({ appId, servicePort }: Service): string => backendName(appId, servicePort);

/** marathon-lb's `/_haproxy_getvhostmap`: a virtual host and its backend per line. */
export function* vhostMap(table: RoutingTable): Iterable<string> {
  for (const service of sorted(table))
    for (const host of service.vhosts) yield `${host} ${nameOf(service)}\n`;
}

/** marathon-lb's `/_haproxy_getappmap`: an app and a backend of it per line. */
export function* appMap(table: RoutingTable): Iterable<string> {
  for (const service of sorted(table))
    if (service.mode === 'http') yield `${service.appId} ${nameOf(service)}\n`;
}

/**
 * marathon-lb's `/_haproxy_getconfig`: what is served, in HAProxy's language. It is for people and scripts to read; the built-in
 * load balancer itself is not configured by it.
 */
export function* configText(
  table: RoutingTable,
  ports: { readonly lb: number; readonly stats: number },
): Iterable<string> {
  yield `# longrun: routing table ${table.epoch}-${table.version}, as HAProxy would say it\n`;
  yield 'defaults\n  timeout connect 3s\n  timeout client 30s\n  timeout server 30s\n  timeout tunnel 3600s\n  retries 3\n  option redispatch\n\n';
  yield `listen stats\n  bind *:${ports.stats}\n  mode http\n  stats enable\n\n`;
  yield `frontend marathon_http_in\n  bind *:${ports.lb}\n  mode http\n`;
  for (const service of sorted(table)) for (const host of service.vhosts) yield vhostRule(service, host);
  yield '\n';
  for (const service of sorted(table)) {
    const name = nameOf(service);
    if (service.bindPort)
      yield `frontend ${name}\n  bind *:${service.servicePort}\n  mode ${service.mode}\n  use_backend ${name}\n\n`;
    yield `backend ${name}\n  balance ${service.balance ?? 'roundrobin'}\n  mode ${service.mode}\n`;
    if (service.sticky) yield '  cookie mesosphere_server_id insert indirect nocache\n';
    for (const { name: server, host, port } of service.servers) yield `  server ${server} ${host}:${port}\n`;
    yield '\n';
  }
}

function vhostRule(service: Service, host: string): string {
  const test = host.startsWith('*') ? `hdr_end(host) -i ${host.slice(1)}` : `hdr(host) -i ${host}`;
  const paths = service.paths
    ? ` { path_beg ${service.ignorePathCase ? '-i ' : ''}${service.paths.join(' ')} }`
    : '';
  return `  use_backend ${nameOf(service)} if { ${test} }${paths}\n`;
}
