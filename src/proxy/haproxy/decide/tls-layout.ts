import { wildcardsOf } from '../../decide/choose-claim.js';
import type { Service } from '../../table.js';
import {
  type CertificateList,
  guardOf,
  knowsAuthorities,
  portList,
  satisfies,
  type TlsFacts,
  vhostList,
} from './certificates.js';
import { isMapKey } from './escape.js';
import type { Pool } from './pools.js';

/** Hosts to the authorities whose certificates a connection for them shows. */
export const GUARDS_MAP = 'guards.map';
const HTTPS_LIST = 'https.list';

/** How HAProxy speaks TLS. */
export interface TlsLayout {
  /** Certificates with keys, and authorities: contents by file. */
  readonly files: ReadonlyMap<string, string>;
  /** Lists of certificates and the map of guards: contents by file. */
  readonly lists: ReadonlyMap<string, string>;
  /** The list of certificates for virtual hosts; absent: they are not served over TLS. */
  readonly https?: string;
  /** Some clients must show certificates: no session is resumed then. */
  readonly guarded: boolean;
  /** Of a service port: its list and guard, or why it is not served; undefined: it speaks no TLS. */
  portTls(frontend: string): PortTls | string | undefined;
  /** Guards that satisfy a service: a request that came by another is refused. Undefined: it lets in everybody. */
  guardsFor(service: Service): readonly string[] | undefined;
}

export interface PortTls {
  readonly list: string;
  readonly guard?: string;
}

/** A service port with the name of its frontend. */
export interface NamedPort {
  readonly name: string;
  readonly service: Service;
}

export function makeTlsLayout(
  pools: Iterable<Pool>,
  ports: Iterable<NamedPort>,
  facts: TlsFacts,
  servesHttps: boolean,
): TlsLayout {
  const files = new Map<string, string>();
  const lists = new Map<string, string>();
  const guards = new Set<string>();
  const add = (name: string, list: CertificateList): string => {
    for (const [file, text] of list.files) files.set(file, text);
    lists.set(name, list.text);
    for (const guard of list.guards.values()) if (guard !== '-') guards.add(guard);
    return name;
  };
  const asking = guardedHosts(pools);
  const vhosts = servesHttps
    ? vhostList(facts, asking.keys(), (host) => authoritiesOf(host, asking))
    : undefined;
  const https = vhosts && add(HTTPS_LIST, vhosts);
  if (vhosts && asking.size > 0) lists.set(GUARDS_MAP, mapText(vhosts.guards));
  const ofPorts = new Map<string, PortTls | string>();
  for (const { name, service } of ports) {
    if (!service.tls?.certificates) continue;
    const { clientAuthorities } = service.tls;
    const list = portList(facts, service.tls);
    if (typeof list === 'string') ofPorts.set(name, list);
    else
      ofPorts.set(name, {
        list: add(`${name}.list`, list),
        ...(clientAuthorities && { guard: guardOf(clientAuthorities) }),
      });
    if (clientAuthorities && typeof list !== 'string') guards.add(guardOf(clientAuthorities));
  }
  return {
    files,
    lists,
    ...(https !== undefined && { https }),
    guarded: guards.size > 0,
    portTls: (frontend) => ofPorts.get(frontend),
    guardsFor: ({ tls }) => {
      const asked = tls?.clientAuthorities;
      if (!asked) return undefined;
      return knowsAuthorities(facts, asked)
        ? [...guards].filter((each) => satisfies(each, asked)).sort()
        : [];
    },
  };
}

/** Virtual hosts whose clients must show certificates, and whose; of several apps on a host the first that asks counts. */
function guardedHosts(pools: Iterable<Pool>): ReadonlyMap<string, readonly string[]> {
  const asking = new Map<string, readonly string[]>();
  for (const { lead, members } of pools) {
    const authorities = lead.mode === 'http' ? lead.tls?.clientAuthorities : undefined;
    if (!authorities) continue;
    for (const { vhosts } of members)
      for (const host of vhosts) if (!asking.has(host)) asking.set(host, authorities);
  }
  return asking;
}

/** A host's own, else those of the nearest wildcard above it. */
function authoritiesOf(host: string, asking: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const own = asking.get(host);
  if (own) return own;
  for (const wildcard of wildcardsOf(host.startsWith('*.') ? host.slice(2) : host)) {
    const above = asking.get(wildcard);
    if (above) return above;
  }
  return [];
}

function mapText(entries: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [key, value] of entries) if (isMapKey(key)) text += `${key} ${value}\n`;
  return text;
}
