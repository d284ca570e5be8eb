import type { PublishedEvent } from './event-bus.js';

/**
 * One event in the text of an event stream (HTML standard, server-sent events). The JSON was serialised without line
 * breaks; a body of another making is split into several `data:` lines, which clients join again.
 */
export function sseFrame({ id, eventType, json }: PublishedEvent): string {
  const data = /[\r\n]/.test(json)
    ? json
        .split(/\r\n|\r|\n/)
        .map((line) => `data: ${line}\n`)
        .join('')
    : `data: ${json}\n`;
  return `id: ${id}\nevent: ${eventType}\n${data}\n`;
}
