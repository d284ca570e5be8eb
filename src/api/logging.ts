import type { RequestHandler } from 'express';
import { CatalogError } from '../errors/registry.js';
import { type LogLevels, MAX_LOGGERS, ROOT_LOGGER } from '../logging/log-levels.js';
import type { LogLevel } from '../logging/log-line.js';
import type { Clock, Timer } from '../util/clock.js';
import { type LoggingChange, readLoggingChange } from './decide/logging-request.js';
import type { JsonBodies } from './middleware/json-body.js';
import { resource } from './middleware/methods.js';
import { sendJson } from './write-json.js';

/**
 * `/logging`: the levels of the server's loggers (its rooms), changeable while it runs. A change with a duration is
 * taken back when that has passed; a later change of the same logger replaces it.
 */
export class Logging {
  /** What is to be taken back, by logger; bounded by the number of loggers. */
  readonly #resets = new Map<string, { readonly timer: Timer; readonly before: LogLevel | undefined }>();

  constructor(
    private readonly levels: LogLevels,
    private readonly clock: Clock,
  ) {}

  /** Express handler of the resource. */
  resource(bodies: JsonBodies): RequestHandler {
    const change: Parameters<typeof resource>[0]['POST'] = async (request, response) => {
      const wanted = readLoggingChange(await bodies.read(request));
      this.#change(wanted);
      sendJson(response, 200, {
        level: wanted.asked,
        logger: wanted.logger,
        ...(wanted.durationSeconds === undefined ? {} : { durationSeconds: wanted.durationSeconds }),
      });
    };
    return resource({
      GET: (_request, response) => {
        const loggers: Record<string, string> = {};
        for (const { logger, level, inherited } of this.levels.list())
          loggers[logger] = `${level.toUpperCase()}${inherited ? ' (inherited)' : ''}`;
        sendJson(response, 200, loggers);
      },
      POST: change,
      PUT: change,
    });
  }

  /** Takes no change back any more. */
  stop(): void {
    for (const { timer } of this.#resets.values()) timer.cancel();
    this.#resets.clear();
  }

  #change({ logger: asked, level, durationSeconds }: LoggingChange): void {
    const logger = asked.toUpperCase() === ROOT_LOGGER ? ROOT_LOGGER : asked;
    const pending = this.#resets.get(logger);
    const before = pending ? pending.before : this.levels.own(logger);
    if (!this.levels.set(logger, level)) {
      throw new CatalogError('invalid-argument', {
        reason: `More than ${MAX_LOGGERS} loggers have a level of their own`,
        hint: 'GET /logging lists the loggers that exist.',
      });
    }
    pending?.timer.cancel();
    this.#resets.delete(logger);
    if (durationSeconds === undefined) return;
    const timer = this.clock.after(durationSeconds * 1_000, () => {
      this.#resets.delete(logger);
      this.levels.set(logger, before);
    });
    this.#resets.set(logger, { timer, before });
  }
}
