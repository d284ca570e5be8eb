import type { PublishedEvent } from '../../events/event-bus.js';

/** An event as server-sent events carry it. The JSON is one line: it never holds a raw newline. */
export function eventFrame(event: PublishedEvent): string {
  return `id: ${event.id}\nevent: ${event.eventType}\ndata: ${event.json}\n\n`;
}

/**
 * Opens a stream: a client that loses the connection before its first event resumes from here. It has no data, so
 * clients dispatch nothing.
 */
export function positionFrame(position: string): string {
  return `id: ${position}\n\n`;
}

/** Tells a client that events were lost to it: it must read the lists anew, then go on from `position`. */
export function resetFrame(position: string, timestamp: string): string {
  const json = JSON.stringify({ eventType: 'reset', timestamp, position });
  return eventFrame({ id: position, eventType: 'reset', json });
}

/** Keeps idle connections open and lets both ends notice a dead one. */
export const HEARTBEAT_FRAME = ': heartbeat\n\n';
