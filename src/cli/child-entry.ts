import type { Log } from '../logging/log.js';
import { outliveOutput } from '../util/outlive-output.js';
import type { FromChild, StopMode, ToChild } from './process-messages.js';

/** What a child process of `up` runs: made from the first message, stopped by a later one or by the parent's death. */
export interface ChildService {
  start(): Promise<Readonly<Record<string, string>>>;
  quiesce?(): Promise<void>;
  stop(mode: StopMode): Promise<void>;
}

/**
 * Runs a service as a child of `up`: waits for `start`, reports `ready`, obeys `quiesce` and `stop`. When the parent is
 * gone the service stops and leaves all tasks alone.
 */
export function runAsChild(
  make: (
    message: Extract<ToChild, { type: 'start' }>,
    tell: (message: FromChild) => void,
  ) => { service: ChildService; log: Log },
): void {
  outliveOutput();
  let service: ChildService | undefined;
  let log: Log | undefined;
  let stopping = false;
  const tell = (message: FromChild): void => {
    if (process.connected) process.send?.(message);
  };
  const fail = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    if (process.connected) tell({ type: 'fatal', message });
    else log?.error('cannot start', { error: message });
    setTimeout(() => process.exit(1), 50);
  };
  const stop = (mode: StopMode): void => {
    if (stopping && mode !== 'kill-now') return;
    stopping = true;
    (service?.stop(mode) ?? Promise.resolve())
      .catch((error: unknown) =>
        log?.error('stopping went wrong', { error: error instanceof Error ? error.message : String(error) }),
      )
      .finally(() => process.exit(0));
  };
  process.on('message', (raw) => {
    const message = raw as ToChild;
    if (message.type === 'start') {
      const made = make(message, tell);
      service = made.service;
      log = made.log;
      service.start().then((urls) => tell({ type: 'ready', urls }), fail);
    } else if (message.type === 'quiesce') {
      (service?.quiesce?.() ?? Promise.resolve()).then(() => tell({ type: 'quiesced' }), fail);
    } else {
      stop(message.mode);
    }
  });
  process.on('disconnect', () => stop('leave-tasks'));
  process.on('SIGTERM', () => stop('leave-tasks'));
  process.on('SIGHUP', () => stop('leave-tasks'));
  process.on('SIGINT', () => undefined);
}
