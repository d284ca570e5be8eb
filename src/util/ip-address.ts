/** What of `node:net` is pure: whether a text is an address, and of which kind. Decisions may ask that; sockets they may not have. */
export { isIP, isIPv4, isIPv6 } from 'node:net';
