import { IngressPort } from '../ingress.js';
import type { TlsTerms } from './certificate-shelf.js';

/** HAProxy's and marathon-lb's name for the frontend of virtual hosts over TLS. */
export const HTTPS_FRONTEND = 'marathon_https_in';

/** The port for virtual hosts over TLS: the client's server name chooses the certificate, and whether it must show one of its own. */
export class HttpsPort extends IngressPort {
  protected override get secures(): boolean {
    return true;
  }

  protected override terms(serverName: string): TlsTerms | undefined {
    const authorities = serverName === '' ? undefined : this.routes.clientAuthorities(serverName);
    return this.plane.certificates?.terms(serverName, {
      ...(authorities && { authorities }),
      protocols: ['h2', 'http/1.1'],
    });
  }
}
