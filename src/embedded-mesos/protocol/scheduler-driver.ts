import type { Call } from './call.js';
import type { Event } from './event.js';

/**
 * How the scheduler reaches a master. The embedded one answers in-process, a real Mesos over HTTP; the scheduler
 * cannot tell them apart. Calls are asynchronous: their outcome comes back as events, or not at all (lost calls are
 * healed by reconciliation).
 */
export interface SchedulerDriver {
  /** Connects; events arrive through `onEvent` one at a time, in order, never before `start` returned. `onDisconnected` when the line to the master breaks. */
  start(handlers: { onEvent(event: Event): void; onDisconnected(): void }): void;
  /** Sends a call. Never throws; a call while disconnected is dropped. */
  call(call: Call): void;
  stop(): void;
}
