import type { ClientFacts } from '../../client-facts.js';
import type { Ingress } from '../../data-plane.js';
import type { LiveService } from '../../live-service.js';
import type { ErrorCode, PageOptions } from '../error-page.js';
import type { RequestHead } from '../request-head.js';
import { forwardedFields, upstreamHead } from '../upstream-head.js';
import type { OwnAnswer, RequestFacts, ServiceRules } from './service-rules.js';

/** Whether the client's connection was TLS, to us or to a load balancer that told us so (PROXY protocol). */
export function isSecure(client: ClientFacts, ingress: Ingress): boolean {
  return client.tls !== undefined || ingress.tls === true;
}

/** What rules look at. */
export function requestFacts(head: RequestHead, client: ClientFacts, ingress: Ingress): RequestFacts {
  const { fields } = head;
  return {
    hostName: head.hostName,
    target: head.target,
    lines: fields.forward,
    address: client.address,
    // A client that lies about this only keeps itself from TLS; behind another load balancer it ends a loop of redirects.
    secure: isSecure(client, ingress) || fields.forwardedProto === 'https',
    byVhost: ingress.byVhost === true,
  };
}

/** The head that servers are sent when the service has rules. */
export function ruledHead(
  rules: ServiceRules,
  head: RequestHead,
  client: ClientFacts,
  ingress: Ingress,
): string {
  const { fields } = head;
  const forwarded = rules.forwardsClient ? forwardedFields(fields, client, ingress) : '';
  const forward = rules.requestLines(fields.forward + forwarded);
  const host = fields.host ?? (rules.setsHost ? '' : undefined);
  return upstreamHead(
    { ...head, target: rules.target(head.target), fields: { ...fields, forward, host } },
    '',
  );
}

/** How a page looks that says why a service's servers could not answer. */
export function failurePage(
  live: LiveService | undefined,
  status: number,
  code: ErrorCode | undefined,
  secure: boolean,
): Partial<PageOptions> {
  if (!live) return code ? { code } : {};
  const { service, servers, rules } = live;
  const { appId, servicePort, wanted } = service;
  const none = status === 503 && (code === undefined || code === 'no-server');
  return {
    ...(code && { code }),
    ...(none && { subject: { appId, servicePort, healthy: servers.length, wanted } }),
    ...(rules && { fields: rules.ownFields(secure) }),
  };
}

/** How an answer looks that is given instead of a server's. */
export function insteadPage(
  { code, fields }: OwnAnswer,
  rules: ServiceRules | undefined,
  secure: boolean,
): Partial<PageOptions> {
  return { ...(code && { code }), fields: fields + (rules?.ownFields(secure) ?? '') };
}
