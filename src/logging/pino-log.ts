import pino from 'pino';
import type { Log, LogFields } from './log.js';
import { LogLevels, type Threshold } from './log-levels.js';
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
  /** Levels that change while the process runs; `level` is then theirs. */
  readonly levels?: LogLevels;
}

/** The room of lines that no room wrote. */
const NO_ROOM = 'longrun';

/** The real log. Lines below their room's level cost a comparison. */
export function makeLog(options: LogOptions): Log {
  const destination = options.destination ?? process.stderr;
  const levels = options.levels ?? new LogLevels(options.level);
  return options.format === 'json'
    ? new JsonLog(jsonRoot(destination), levels, {})
    : new TextLog(levels, destination);
}

class TextLog implements Log {
  readonly #threshold: Threshold;

  constructor(
    private readonly levels: LogLevels,
    private readonly destination: LogDestination,
    private readonly room = NO_ROOM,
    private readonly fields: LogFields = {},
  ) {
    this.#threshold = levels.thresholdOf(room);
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
    return new TextLog(this.levels, this.destination, room, { ...this.fields, ...fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!LogLevels.passes(level, this.#threshold)) return;
    const line = { atMs: Date.now(), level, room: this.room, message, fields: { ...this.fields, ...fields } };
    this.destination.write(formatLine(line, this.destination.isTTY === true));
  }
}

class JsonLog implements Log {
  readonly #logger: pino.Logger;
  readonly #threshold: Threshold;

  /** Children come from the root with all bindings: pino would repeat a key that a parent has bound already. */
  constructor(
    private readonly root: pino.Logger,
    private readonly levels: LogLevels,
    private readonly bindings: LogFields,
    room = NO_ROOM,
  ) {
    this.#logger = root.child(bindings);
    this.#threshold = levels.thresholdOf(room);
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

  child(room: string, fields: LogFields = {}): Log {
    return new JsonLog(this.root, this.levels, { ...this.bindings, room, ...plainFields(fields) }, room);
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LogLevels.passes(level, this.#threshold)) this.#logger[level](plainFields(fields), message);
  }
}

/** pino without host name (every line is of this host), with the level's name and ISO time. */
function jsonRoot(destination: LogDestination): pino.Logger {
  return pino(
    {
      // Rooms' levels are ours to compare.
      level: 'debug',
      base: { pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (text: string) => void destination.write(text) },
  );
}
