import { parse } from 'node:path';
import type { RoutingTls } from '../../../apps/port-routing.js';
import { ACME } from '../../../certificates/bundle.js';
import type { CertificateShelf, TlsTerms } from './certificate-shelf.js';

/** With what a service port speaks TLS. */
export function serviceTerms(
  shelf: CertificateShelf | undefined,
  serverName: string,
  { certificates = [], clientAuthorities }: RoutingTls,
  http: boolean,
): TlsTerms | undefined {
  const named = certificates.filter((name) => name !== ACME).map(nameOf);
  return shelf?.terms(serverName, {
    ...(named.length > 0 && { certificates: named }),
    ...(clientAuthorities && { authorities: clientAuthorities }),
    protocols: http ? ['h2', 'http/1.1'] : [],
  });
}

/** marathon-lb's labels name files: those of the folder of certificates go by their names without the ending. */
function nameOf(certificate: string): string {
  return certificate.includes('/') ? parse(certificate).name : certificate;
}
