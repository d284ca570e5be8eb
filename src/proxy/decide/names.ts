import type { AppId } from '../../apps/app.js';

/** Key of a service in the routing table. */
export function serviceKey(appId: AppId, servicePort: number): string {
  return `${appId}:${servicePort}`;
}

/** HAProxy's backend name as marathon-lb makes it: `/shop/my-web`, 10000 → `shop_my-web_10000`. */
export function backendName(appId: string, servicePort: number): string {
  return `${appId.replace(/^\//, '').replace(/[^a-zA-Z0-9.-]/g, '_')}_${servicePort}`;
}

/**
 * HAProxy's server name as marathon-lb makes it: host, address and port with everything else than letters, digits and `-` as `_`; a
 * host that is known by its address is named once.
 */
export function serverName(host: string, ip: string, port: number): string {
  return `${host === ip ? '' : `${host}_`}${ip}_${port}`.replace(/[^a-zA-Z0-9-]/g, '_');
}
