export type { ProxyMemory } from './control/former-proxies.js';
export {
  type NotServed,
  ProxyControl,
  type ProxyControlOptions,
  type ProxyControlSettings,
} from './control/proxy-control.js';
export type { ProxyStatus } from './control/proxy-fleet.js';
