export type { ProxyMemory } from './control/former-proxies.js';
export { ProxyControl, type ProxyControlOptions } from './control/proxy-control.js';
