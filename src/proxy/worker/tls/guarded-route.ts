import { CHALLENGE_PATH } from '../../../certificates/bundle.js';
import type { ClientFacts } from '../client-facts.js';
import { type DataPlane, type Ingress, NoRoute } from '../data-plane.js';
import type { RequestHead } from '../http/request-head.js';
import { requestFacts } from '../http/rules/ruled-request.js';
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
  const { clientAuthorities } = service.service.tls;
  if (facts.tls !== undefined) return withForeignCertificate(clientAuthorities, facts.tls) ?? service;
  // Whoever is sent to TLS comes back with a certificate; nothing else is let through, whatever a request says of itself.
  if (service.rules?.sendsToTls(requestFacts(head, facts, ingress))) return service;
  return new NoRoute(403, 'a client certificate is needed here, over TLS', 'denied');
}

/** The certificate must have been asked for on behalf of this very service: other hosts may believe other authorities. */
function withForeignCertificate(
  authorities: readonly string[],
  { clientAuthorities: shown }: NonNullable<ClientFacts['tls']>,
): NoRoute | undefined {
  if (shown?.every((name) => authorities.includes(name))) return undefined;
  return new NoRoute(421, 'this host wants a client certificate, on a connection made for it', 'misdirected');
}
