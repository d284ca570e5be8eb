import pino from 'pino';
import type { Log, LogFields } from './log.js';
import { formatLine, type LogLevel, plainFields } from './log-line.js';

/** Where lines go. The default is stderr, written synchronously and without a worker thread. */
export interface LogDestination {
  write(text: string): unknown;
  /** Colours only for terminals. */
  readonly isTTY?: boolean;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `text` for people, `json` (pino's lines) for machines. */
  readonly format: 'text' | 'json';
  readonly destination?: LogDestination;
}

const severity: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** The real log. Lines below `level` cost a comparison. */
export function makeLog(options: LogOptions): Log {
  const destination = options.destination ?? process.stderr;
  return options.format === 'json'
    ? new JsonLog(jsonRoot(options.level, destination), {})
    : new TextLog(options.level, destination);
}

class TextLog implements Log {
  readonly #threshold: number;

  constructor(
    private readonly level: LogLevel,
    private readonly destination: LogDestination,
    private readonly room = 'longrun',
    private readonly fields: LogFields = {},
  ) {
    this.#threshold = severity[level];
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  child(room: string, fields?: LogFields): Log {
    return new TextLog(this.level, this.destination, room, { ...this.fields, ...fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (severity[level] < this.#threshold) return;
    const line = { atMs: Date.now(), level, room: this.room, message, fields: { ...this.fields, ...fields } };
    this.destination.write(formatLine(line, this.destination.isTTY === true));
  }
}

class JsonLog implements Log {
  readonly #logger: pino.Logger;

  /** Children come from the root with all bindings: pino would repeat a key that a parent has bound already. */
  constructor(
    private readonly root: pino.Logger,
    private readonly bindings: LogFields,
  ) {
    this.#logger = root.child(bindings);
  }

  debug(message: string, fields: LogFields = {}): void {
    if (this.#logger.isLevelEnabled('debug')) this.#logger.debug(plainFields(fields), message);
  }

  info(message: string, fields: LogFields = {}): void {
    if (this.#logger.isLevelEnabled('info')) this.#logger.info(plainFields(fields), message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#logger.warn(plainFields(fields), message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#logger.error(plainFields(fields), message);
  }

  child(room: string, fields: LogFields = {}): Log {
    return new JsonLog(this.root, { ...this.bindings, room, ...plainFields(fields) });
  }
}

/** pino without host name (every line is of this host), with the level's name and ISO time. */
function jsonRoot(level: LogLevel, destination: LogDestination): pino.Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (text: string) => void destination.write(text) },
  );
}
