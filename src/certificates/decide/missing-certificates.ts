import { parse } from 'node:path';
import type { RoutingTls } from '../../apps/port-routing.js';
import { ACME } from '../bundle.js';
import type { CertificateInfo } from '../certificate.js';

/** What there is of what apps may name. */
export interface KnownCertificates {
  find(name: string): Pick<CertificateInfo, 'kind'> | undefined;
  /** Load balancers read a folder of certificates, too. */
  readonly hasFolder: boolean;
  /** Certificates are obtained from an authority. */
  readonly hasAcme: boolean;
}

/** The name by which a reference is looked up: marathon-lb's labels hold paths, and files go by their names without the ending. */
export function referredName(reference: string): string {
  return reference.includes('/') ? parse(reference).name : reference;
}

/** What of the certificates and authorities that a port names is not there, in sentences. */
export function missingCertificates(
  { certificates = [], clientAuthorities = [] }: RoutingTls,
  known: KnownCertificates,
): readonly string[] {
  const missing: string[] = [];
  for (const reference of certificates) {
    if (reference === ACME) {
      if (!known.hasAcme) missing.push('it asks for certificates of ACME, which is not set up (--lb-acme)');
      continue;
    }
    const name = referredName(reference);
    const found = known.find(name);
    if (found?.kind === 'certificate' || (!found && known.hasFolder)) continue;
    missing.push(
      found
        ? `${name} is an authority without a key, and no certificate to speak TLS with`
        : `no certificate ${name} is stored; unless it is a file in --lb-certs of the load balancers, clients are refused`,
    );
  }
  for (const name of clientAuthorities) {
    if (known.find(name)?.kind === 'authority') continue;
    missing.push(`no authority ${name} is stored; every client is refused until it is`);
  }
  return missing;
}
