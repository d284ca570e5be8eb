/** Fields of a log line; never environment values or secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What rooms log through; `src/logging/pino-log.ts` is the real one. Message first, facts as fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines carry `room` (and these fields) as well. */
  child(room: string, fields?: LogFields): Log;
}

/** Says nothing: for tests and the simulated world. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
