import type { AppId } from '../../apps/app.js';

const notWord = /[^a-zA-Z0-9]/g;

/** Key of a service in the routing table. */
export function serviceKey(appId: AppId, servicePort: number): string {
  return `${appId}:${servicePort}`;
}

/** HAProxy's backend name as marathon-lb makes it: `/shop/web`, 10000 → `shop_web_10000`. */
export function backendName(appId: string, servicePort: number): string {
  return `${appId.replace(/^\//, '').replace(notWord, '_')}_${servicePort}`;
}

/** HAProxy's server name as marathon-lb makes it: host, address and port with everything else than letters and digits as `_`. */
export function serverName(host: string, ip: string, port: number): string {
  return `${host}_${ip}_${port}`.replace(notWord, '_');
}
