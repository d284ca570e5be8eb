import type { Log, LogFields } from '../logging/log.js';
import type { Happening } from './observer.js';

/** A log that keeps what is logged as an error: in a world without disk faults nothing may be. */
export function recordingLog(record: (happening: Happening) => void, room = 'server'): Log {
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message, fields) => record({ kind: 'error logged', room, message, detail: describe(fields) }),
    child: (name) => recordingLog(record, name),
  };
}

function describe(fields: LogFields | undefined): string {
  return Object.entries(fields ?? {})
    .map(
      ([name, value]) =>
        `${name}: ${value instanceof Error ? (value.stack ?? value.message) : String(value)}`,
    )
    .join(', ');
}
