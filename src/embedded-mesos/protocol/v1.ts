/**
 * Apache Mesos's v1 messages as typed values, in the JSON dialect of its HTTP API (snake_case, `{value}` ids, enums as names).
 * The scheduler speaks nothing else: in-process and HTTP transports carry these very values.
 */
export type * from './call.js';
export type * from './checks.js';
export type * from './command-info.js';
export type * from './container-info.js';
export type * from './event.js';
export type * from './framework-info.js';
export type * from './offer.js';
export type * from './resource.js';
export type * from './scheduler-driver.js';
export type * from './task-info.js';
export * from './task-status.js';
export type * from './values.js';
