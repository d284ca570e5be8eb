import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { enumerateDocument, hostRows, serviceRows } from './decide/http-documents.js';
import type { AppEndpoints } from './endpoint.js';
import type { Zone } from './zone.js';

/** RFC 1035, 2.3.4; a longer one is no name. */
const MAX_NAME = 255;

export interface DiscoveryHttpOptions {
  readonly zone: Zone;
  readonly apps: () => Iterable<AppEndpoints>;
  readonly version: string;
  /** What `/v1/config` shows. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether a `Host` header names this server. */
  readonly isOwnHost: (host: string) => boolean;
}

/** Mesos-DNS's HTTP interface: reads only, JSON only. */
export function discoveryListener({
  zone,
  apps,
  version,
  config,
  isOwnHost,
}: DiscoveryHttpOptions): RequestListener {
  const routes: readonly (readonly [RegExp, (name: string) => unknown])[] = [
    [/^\/v1\/version$/, () => ({ Service: 'longrun', Version: version, URL: '' })],
    [/^\/v1\/config$/, () => config],
    [/^\/v1\/hosts\/([^/]+)$/, (name) => hostRows(zone, name)],
    [/^\/v1\/services\/([^/]+)$/, (name) => serviceRows(zone, name)],
    [/^\/v1\/enumerate$/, () => enumerateDocument(zone, apps())],
  ];
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(request, response, 405, { message: 'only GET and HEAD' }, { Allow: 'GET, HEAD' });
    if (!isOwnHost(request.headers.host ?? ''))
      return send(request, response, 403, { message: 'this Host is not served here' });
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    for (const [pattern, answer] of routes) {
      const match = pattern.exec(path);
      if (!match) continue;
      const name = decoded(match[1] ?? '');
      if (name === undefined || name.length > MAX_NAME)
        return send(request, response, 400, { message: 'this is no host name' });
      return send(request, response, 200, answer(name));
    }
    const known =
      'there are /v1/version, /v1/config, /v1/hosts/{host}, /v1/services/{service} and /v1/enumerate';
    return send(request, response, 404, { message: known });
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': text.length,
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}
