import { CHALLENGE_PATH } from '../../../certificates/bundle.js';
import type { ClientFacts } from '../client-facts.js';
import { type DataPlane, type Ingress, NoRoute } from '../data-plane.js';
import type { RequestHead } from '../http/request-head.js';
import type { LiveService } from '../live-service.js';

const DOT = 0x2e;

/**
 * The service for a request, unless a certificate authority asks for the answer to its challenge, or the service lets only
 * clients in that have shown a certificate and this one has shown none to it.
 */
export function guardedRoute(
  ingress: Ingress,
  plane: DataPlane,
  head: RequestHead,
  facts: ClientFacts,
): LiveService | NoRoute {
  const { target } = head;
  if (target.charCodeAt(1) === DOT && target.startsWith(CHALLENGE_PATH)) {
    const answer = plane.certificates?.challenge(target.slice(CHALLENGE_PATH.length));
    if (answer !== undefined) return new NoRoute(200, 'a challenge', 'not-served', { body: answer });
  }
  const service = ingress.route(head.hostName, target, head.fields.forward);
  if (service instanceof NoRoute || service.service.tls?.clientAuthorities === undefined) return service;
  return withoutCertificate(service, service.service.tls.clientAuthorities, facts) ?? service;
}

/** The certificate must have been asked for on behalf of this very service: other hosts may believe other authorities. */
function withoutCertificate(
  live: LiveService,
  authorities: readonly string[],
  { tls }: ClientFacts,
): NoRoute | undefined {
  if (tls === undefined) {
    // Whoever is sent to TLS comes back with a certificate; nothing is forwarded before.
    if (live.service.rules?.redirectToHttps) return undefined;
    return new NoRoute(403, 'a client certificate is needed here, over TLS', 'denied');
  }
  const shown = tls.clientAuthorities;
  if (shown?.every((name) => authorities.includes(name))) return undefined;
  return new NoRoute(421, 'this host wants a client certificate, on a connection made for it', 'misdirected');
}
