export type { ProxyMemory } from './control/former-proxies.js';
export { type NotServed, ProxyControl, type ProxyControlOptions, type ProxyControlSettings, type ProxyStatus } from './control/proxy-control.js';
