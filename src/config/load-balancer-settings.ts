import { flag, port, type SettingEntry, text, whole } from './setting-entry.js';

/** Settings of the load balancer and the name server. */
export const loadBalancerSettings: readonly SettingEntry[] = [
  {
    name: 'lbAddress',
    flag: 'lb-address',
    kind: text,
    help: 'address that the load balancer listens on',
    fallback: () => '127.0.0.1',
  },
  {
    name: 'lbHttpPort',
    flag: 'lb-http-port',
    kind: port,
    help: 'port of the load balancer for virtual hosts',
    fallback: () => 9080,
  },
  {
    name: 'lbStatsPort',
    flag: 'lb-stats-port',
    kind: port,
    help: "port of the load balancer's statistics page",
    fallback: () => 9090,
  },
  {
    name: 'lbWorkers',
    flag: 'lb-workers',
    kind: whole(1, 64),
    help: 'number of load balancer processes',
    fallback: () => 1,
  },
  {
    name: 'dnsPort',
    flag: 'dns-port',
    kind: port,
    help: 'port of the name server (UDP and TCP), on the address of the load balancer',
    fallback: () => 8053,
  },
  {
    name: 'dnsHttpPort',
    flag: 'dns-http-port',
    kind: port,
    help: "port of the name server's HTTP interface",
    fallback: () => 8123,
  },
  {
    name: 'disableDns',
    flag: 'disable-dns',
    kind: flag,
    help: 'serve no names',
    fallback: () => false,
  },
  {
    name: 'dnsDomain',
    flag: 'dns-domain',
    kind: text,
    help: 'domain that names end with, as in web.marathon.mesos',
    fallback: () => 'mesos',
  },
  {
    name: 'dnsTtlSeconds',
    flag: 'dns-ttl-seconds',
    kind: whole(0, 3_600),
    help: 'how long answers of the name server may be kept',
    fallback: () => 5,
  },
  {
    name: 'dnsResolvers',
    flag: 'dns-resolvers',
    kind: text,
    help: "servers asked about other domains, e.g. 10.0.0.2,10.0.0.3:5353; none to refuse such questions (default: this host's)",
    fallback: () => undefined,
  },
  {
    name: 'servicePorts',
    flag: 'service-ports',
    kind: { kind: 'port-range' },
    help: 'range that service ports are assigned from',
    fallback: () => ({ min: 10_000, max: 20_000 }),
  },
];
