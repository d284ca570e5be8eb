import { getServers } from 'node:dns';
import { resolverList } from '../config/resolvers.js';
import type { Settings } from '../config/settings.js';
import type { NamesSettings } from '../discovery/names-message.js';
import { packageVersion } from './entries.js';

/** How this machine serves names; undefined when it shall not. */
export function namesSettings(settings: Settings): NamesSettings | undefined {
  if (settings.disableDns) return undefined;
  const { lbAddress, dnsPort, dnsHttpPort, dnsDomain, dnsTtlSeconds, dnsResolvers } = settings;
  // Asked by this host's own resolver about everything, it must not ask itself.
  const isSelf = (resolver: string): boolean => dnsPort === 53 && resolver === lbAddress;
  return {
    address: lbAddress,
    dnsPort,
    httpPort: dnsHttpPort,
    domain: dnsDomain,
    ttl: dnsTtlSeconds,
    version: packageVersion(),
    resolvers: (dnsResolvers === undefined ? getServers() : resolverList(dnsResolvers)).filter(
      (resolver) => !isSelf(resolver),
    ),
  };
}

/** As the ready line and the ready file name them. */
export function namesUrls(
  served: { readonly dns: string; readonly http: string } | undefined,
): Readonly<Record<string, string>> {
  return served ? { dns: served.dns, names: served.http } : {};
}
