import { wildcardsOf } from '../../decide/choose-claim.js';
import type { Service } from '../../table.js';
import { isMapKey } from './escape.js';
import type { Pool } from './pools.js';

/** Requests that carry something are chosen for by rules of the configuration, in the order of these. */
export interface Choice {
  /** What the map says for the host and path. */
  readonly route: string;
  readonly candidates: readonly { readonly backend: string; readonly match: Service['match'] }[];
}

/** Which backend a request belongs to: map files, and the choices that a map cannot make. */
export interface RouteMaps {
  /** Host and beginning of the path to a backend or a choice; the longest beginning counts. */
  readonly paths: ReadonlyMap<string, string>;
  /** The same in lower case, for apps that ignore it. */
  readonly lower: ReadonlyMap<string, string>;
  /** Ends of hosts to the wildcard that they stand for, the longest first. */
  readonly wild: readonly (readonly [string, string])[];
  /** App ids in lower case to backends. */
  readonly apps: ReadonlyMap<string, string>;
  readonly choices: readonly Choice[];
}

interface Claim {
  readonly key: string;
  readonly service: Service;
  readonly backend: string;
  readonly hasServers: boolean;
}

/** Beginnings of paths of one site, with who claims them: most conditions first, then those with servers, then by key. */
type Site = Map<string, Claim[]>;

export function makeRoutes(
  services: Readonly<Record<string, Service>>,
  pools: ReadonlyMap<string, Pool>,
): RouteMaps {
  const exact = new Map<string, Site>();
  const lower = new Map<string, Site>();
  const apps = new Map<string, { backend: string; portIndex: number }>();
  for (const [key, service] of Object.entries(services)) {
    const pool = pools.get(key);
    if (!pool || service.mode !== 'http') continue;
    const app = service.appId.toLowerCase();
    if (isMapKey(app) && (apps.get(app)?.portIndex ?? Number.POSITIVE_INFINITY) > service.portIndex)
      apps.set(app, { backend: pool.name, portIndex: service.portIndex });
    const hasServers = pool.members.some(({ servers }) => servers.some(({ disabled }) => !disabled));
    const claim = { key, service, backend: pool.name, hasServers };
    for (const host of service.vhosts) addClaim(service.ignorePathCase ? lower : exact, host, claim);
  }
  const choices = new Map<string, Choice>();
  return {
    paths: entriesOf(exact, choices),
    lower: entriesOf(lower, choices),
    wild: wildcardsAmong([...exact.keys(), ...lower.keys()]),
    // Ids are told with and without their first slash.
    apps: new Map(
      [...apps].flatMap(([app, { backend }]) => [[app, backend] as const, [app.slice(1), backend] as const]),
    ),
    choices: [...choices.values()],
  };
}

function addClaim(sites: Map<string, Site>, host: string, claim: Claim): void {
  const site = sites.get(host) ?? new Map<string, Claim[]>();
  sites.set(host, site);
  const beginnings = claim.service.paths ?? [];
  for (const path of beginnings.length > 0 ? new Set(beginnings) : ['/'])
    site.set(path, [...(site.get(path) ?? []), claim]);
}

/** One entry per site and beginning; a site also has those of wildcards above it, which come after its own. */
function entriesOf(
  sites: ReadonlyMap<string, Site>,
  choices: Map<string, Choice>,
): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const claims of sites.values()) for (const each of claims.values()) each.sort(before);
  for (const [host, own] of sites) {
    const above = [...wildcardsOf(host.startsWith('*.') ? host.slice(2) : host)]
      .map((wildcard) => (host.startsWith('*.') && wildcard === host ? undefined : sites.get(wildcard)))
      .filter((site) => site !== undefined);
    const chain = [own, ...above];
    for (const beginning of new Set(chain.flatMap((site) => [...site.keys()]))) {
      const key = host + beginning;
      const candidates = candidatesFor(chain, beginning);
      const [first] = candidates;
      if (!isMapKey(key) || !first) continue;
      entries.set(key, first.service.match ? choiceOf(candidates, choices) : first.backend);
    }
  }
  return entries;
}

/** Who may answer what begins so, in order, up to the first that asks for nothing more. */
function candidatesFor(chain: readonly Site[], path: string): readonly Claim[] {
  const candidates: Claim[] = [];
  for (const site of chain) {
    const beginnings = [...site.keys()].filter((each) => path.startsWith(each));
    for (const beginning of beginnings.sort((a, b) => b.length - a.length))
      for (const claim of site.get(beginning) ?? []) {
        candidates.push(claim);
        if (!claim.service.match) return candidates;
      }
  }
  return candidates;
}

function choiceOf(claims: readonly Claim[], choices: Map<string, Choice>): string {
  const candidates = claims.map(({ backend, service }) => ({ backend, match: service.match }));
  const text = JSON.stringify(candidates);
  const known = choices.get(text) ?? { route: `?${choices.size + 1}`, candidates };
  choices.set(text, known);
  return known.route;
}

function before(a: Claim, b: Claim): number {
  const conditions = conditionsOf(b) - conditionsOf(a);
  if (conditions !== 0) return conditions;
  // Whether there are servers changes all the time: for choices, which stand in the configuration, it does not count.
  if (a.hasServers !== b.hasServers && !a.service.match) return a.hasServers ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}

function conditionsOf({ service: { match } }: Claim): number {
  return Object.keys(match?.headers ?? {}).length + Object.keys(match?.cookies ?? {}).length;
}

function wildcardsAmong(hosts: readonly string[]): RouteMaps['wild'] {
  return [...new Set(hosts)]
    .filter((host) => host.startsWith('*.') && isMapKey(host))
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
    .map((wildcard) => [wildcard.slice(1), wildcard] as const);
}
