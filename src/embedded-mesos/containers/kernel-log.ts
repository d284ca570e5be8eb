import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type Suspect, tellsOfKill } from './decide/kernel-log.js';

/** The kernel's longest record (CONSOLE_EXT_LOG_MAX). */
const RECORD_BYTES = 8_192;
/** More than the kernel's buffer holds by default; a host with a larger one is read so far. */
const MAX_RECORDS = 100_000;

/**
 * Whether the kernel's log tells that it killed this process at its group's limit of memory. False where the
 * log may not be read. It is read from its beginning, some milliseconds: for ends that nothing else explains.
 * The log's format: the kernel's Documentation/ABI/testing/dev-kmsg; one read gives one record.
 */
export function wasKilledAtLimit(suspect: Suspect, path = '/dev/kmsg'): boolean {
  let log: number;
  try {
    log = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  const record = Buffer.allocUnsafe(RECORD_BYTES);
  try {
    for (let records = 0; records < MAX_RECORDS; records++) {
      const bytes = nextRecord(log, record);
      if (bytes === 0) return false;
      if (tellsOfKill(record.toString('latin1', 0, bytes), suspect)) return true;
    }
    return false;
  } finally {
    closeSync(log);
  }
}

/** Length of the next record; 0 at the end. */
function nextRecord(log: number, record: Buffer): number {
  for (;;) {
    try {
      return readSync(log, record);
    } catch (error) {
      // Records were overwritten before we came to them: the next read goes on behind them.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return 0;
    }
  }
}
