import type { RoutingTable } from '../../proxy/table.js';
import { ACME } from '../bundle.js';
import type { CertificateInfo } from '../certificate.js';
import { coversHost } from './read-certificate.js';

/** Hosts that certificates are kept for; further ones are left out, in the order of their names. */
export const MAX_ACME_HOSTS = 1_000;
/** A certificate is renewed when this share of its life is over, some of them a little earlier so that not all come at once. */
const RENEW_AT = 2 / 3;
const SPREAD = 1 / 30;
const FIRST_RETRY_MS = 60_000;
const RETRY_FACTOR = 4;
const LONGEST_RETRY_MS = 12 * 3_600_000;

/** How asking for one host's certificate has gone. */
export interface AcmeAttempts {
  readonly failures: number;
  /** Not before. */
  readonly nextMs: number;
  readonly problem?: string;
}

/** A host that a certificate is kept for. */
export interface HostPlan {
  readonly host: string;
  /** Name of its certificate. */
  readonly certificate: string;
  readonly has: boolean;
  /** When to ask for it (again). */
  readonly dueMs: number;
}

/** Name of the certificate that ACME has for a host. */
export const acmeName = (host: string): string => `acme-${host}`;

/**
 * The hosts of apps that ask for certificates (`acme` among theirs) or send their clients to TLS. Wildcards are none of http-01's
 * business, and neither are names without a dot: nobody outside could ask for them.
 */
export function wantedHosts(table: Pick<RoutingTable, 'services'>): readonly string[] {
  const hosts = new Set<string>();
  for (const { vhosts, tls, rules } of Object.values(table.services)) {
    if (tls?.certificates?.includes(ACME) !== true && rules?.redirectToHttps !== true) continue;
    for (const host of vhosts)
      if (/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host) && host.length <= 120) hosts.add(host);
  }
  return [...hosts].sort().slice(0, MAX_ACME_HOSTS);
}

/** What to do for each host, and when. A host that somebody else's certificate covers needs none. */
export function planHosts(
  hosts: readonly string[],
  certificates: readonly CertificateInfo[],
  attempts: ReadonlyMap<string, AcmeAttempts>,
  nowMs: number,
): readonly HostPlan[] {
  const own = new Map(certificates.map((each) => [each.name, each]));
  const given = certificates.filter(
    ({ kind, source, notAfterMs }) => kind === 'certificate' && source === 'api' && notAfterMs > nowMs,
  );
  return hosts
    .filter((host) => !given.some(({ names }) => coversHost(names, host)))
    .map((host) => {
      const certificate = acmeName(host);
      const known = own.get(certificate);
      const wantedMs = known ? renewalMs(known) : 0;
      return {
        host,
        certificate,
        has: known !== undefined && known.notAfterMs > nowMs,
        dueMs: Math.max(wantedMs, attempts.get(host)?.nextMs ?? 0),
      };
    });
}

/** After how many milliseconds a host that was refused so often in a row is asked for again. `roll`: 0 to 1. */
export function retryAfterMs(failures: number, roll: number): number {
  const pauseMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * RETRY_FACTOR ** Math.min(failures - 1, 10));
  return Math.round(pauseMs * (1 + roll / 4));
}

function renewalMs({ notBeforeMs, notAfterMs, fingerprint }: CertificateInfo): number {
  const lifeMs = notAfterMs - notBeforeMs;
  const early = (Number.parseInt(fingerprint.slice(0, 2), 16) / 256) * SPREAD;
  return Math.round(notBeforeMs + lifeMs * (RENEW_AT - early));
}
