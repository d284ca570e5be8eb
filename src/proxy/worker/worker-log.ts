import type { Log, LogFields } from '../../logging/log.js';
import { formatLine, type LogLevel, plainFields } from '../../logging/log-line.js';
import type { ToParent } from '../listeners/worker-messages.js';

const severity: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** A worker's log: through the parent while there is one, else to stderr (a file in the work dir). */
export class WorkerLog implements Log {
  constructor(
    private readonly level: LogLevel,
    /** False: the parent is gone. */
    private readonly tell: (message: ToParent) => boolean,
    private readonly fields: LogFields = {},
  ) {}

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
    return new WorkerLog(this.level, this.tell, { ...this.fields, room, ...fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (severity[level] < severity[this.level]) return;
    const all = plainFields({ ...this.fields, ...fields });
    if (this.tell({ type: 'LOG', level, message, fields: all })) return;
    process.stderr.write(formatLine({ atMs: Date.now(), level, room: 'proxy', message, fields: all }, false));
  }
}
