import type { Request, RequestHandler } from 'express';
import { CatalogError } from '../../errors/registry.js';
import { allowedAuthorities, hostAllowed } from '../../util/host-allowed.js';
import { isJsonMediaType } from '../decide/json-media-type.js';
import { originAllowed } from '../decide/origin-allowed.js';

/** Methods that change nothing. */
const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Longest part of a stranger's header that is shown back. */
const MAX_ECHO = 100;

function hasBody(request: Request): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Throws `foreign-origin` when another server's page asks: for whatever does more than to read. */
export function refuseForeignOrigin(
  request: Request,
  names: readonly string[],
  trusted: readonly string[],
): void {
  const { localAddress = '', localPort = 0 } = request.socket;
  const { origin, host = '' } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const authorities = new Set(allowedAuthorities({ localAddress, localPort, names })).add(host.toLowerCase());
  const secFetchSite = Array.isArray(site) ? site.join(',') : site;
  if (originAllowed({ origin, secFetchSite, authorities, trusted })) return;
  throw new CatalogError('foreign-origin', { origin: (origin ?? secFetchSite ?? '').slice(0, MAX_ECHO) });
}

/**
 * Sends strangers away before anything else looks at a request: every local program and every web page is one. The
 * Host must name this server exactly, a write must not come from another server's page, and a write's body must be of
 * a type that no page can send unasked.
 *
 * @param names further names of this server: its configured address and hostname
 * @param trusted origins whose pages may write: those that the operator named
 */
export function refuseStrangers(names: readonly string[], trusted: readonly string[] = []): RequestHandler {
  return (request, _response, next) => {
    const { localAddress = '', localPort = 0 } = request.socket;
    const host = request.headers.host ?? '';
    if (!hostAllowed({ host, localAddress, localPort, names })) {
      throw new CatalogError('foreign-host', { host: host.slice(0, MAX_ECHO) });
    }
    if (!request.url.startsWith('/')) {
      throw new CatalogError('bad-request', {
        reason: 'The request target must be a path',
        hint: 'This server is no proxy.',
      });
    }
    if (!readMethods.has(request.method)) {
      refuseForeignOrigin(request, names, trusted);
      const type = request.headers['content-type'];
      if (type === undefined ? hasBody(request) : !isJsonMediaType(type))
        throw new CatalogError('unsupported-media-type');
    }
    next();
  };
}
