import type { RoutingTls } from '../../../apps/port-routing.js';
import { ACME } from '../../../certificates/bundle.js';
import { referredName } from '../../../certificates/decide/missing-certificates.js';
import type { CertificateShelf, TlsTerms } from './certificate-shelf.js';

/** With what a service port speaks TLS. */
export function serviceTerms(
  shelf: CertificateShelf | undefined,
  serverName: string,
  { certificates = [], clientAuthorities }: RoutingTls,
  http: boolean,
): TlsTerms | undefined {
  const named = certificates.filter((name) => name !== ACME).map(referredName);
  return shelf?.terms(serverName, {
    ...(named.length > 0 && { certificates: named }),
    ...(clientAuthorities && { authorities: clientAuthorities }),
    protocols: http ? ['h2', 'http/1.1'] : [],
  });
}
