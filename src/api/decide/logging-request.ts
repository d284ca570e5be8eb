import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { LogLevel } from '../../logging/log-line.js';

/** Marathon's levels and what they mean here: longrun has nothing finer than debug. */
const levels: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
};

/** Longest time that a level may be changed for. */
const MAX_DURATION_SECONDS = 7 * 86_400;
const MAX_LOGGER_CHARACTERS = 100;

/** A change of one logger's level, for a while or until the server ends. */
export interface LoggingChange {
  readonly logger: string;
  readonly level: LogLevel;
  /** The level as it was asked for: what the answer echoes. */
  readonly asked: string;
  readonly durationSeconds: number | undefined;
}

/**
 * Reads the body of `POST /logging`: `{"level": "debug", "logger": "scheduler", "durationSeconds": 60}`. Throws
 * `invalid-json` (422) for wrong types, `invalid-object` (422) for an empty logger.
 */
export function readLoggingChange(body: unknown): LoggingChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new CatalogError('invalid-json', {}, [{ path: '/', errors: ['error.expected.jsobject'] }]);
  const { level, logger, durationSeconds } = body as Readonly<Record<string, unknown>>;
  const wrong: ErrorDetail[] = [];
  const complain = (path: string, error: string, hint: string): void =>
    void wrong.push({ path, errors: [error], hint });
  const levelHint = `One of ${Object.keys(levels).join(', ')}.`;
  const asked = typeof level === 'string' ? level.toLowerCase() : '';
  if (typeof level !== 'string') complain('/level', 'error.expected.jsstring', levelHint);
  else if (!Object.hasOwn(levels, asked)) complain('/level', 'error.unknown.enum.literal', levelHint);
  if (typeof logger !== 'string')
    complain('/logger', 'error.expected.jsstring', 'GET /logging lists the loggers.');
  else if (logger.length > MAX_LOGGER_CHARACTERS)
    complain('/logger', 'error.maxLength', `At most ${MAX_LOGGER_CHARACTERS} characters.`);
  const forGood = durationSeconds === undefined || durationSeconds === null;
  if (!forGood && !(typeof durationSeconds === 'number' && Number.isInteger(durationSeconds)))
    complain('/durationSeconds', 'error.expected.int', 'Whole seconds; without it the change stays.');
  else if (!forGood && Number(durationSeconds) < 1)
    complain('/durationSeconds', 'error.min', 'At least 1 second.');
  else if (!forGood && Number(durationSeconds) > MAX_DURATION_SECONDS)
    complain('/durationSeconds', 'error.max', `At most ${MAX_DURATION_SECONDS} seconds.`);
  if (wrong.length > 0) throw new CatalogError('invalid-json', {}, wrong);
  if (logger === '')
    throw new CatalogError('invalid-object', {}, [{ path: '/logger', errors: ['must not be empty'] }]);
  return {
    logger: logger as string,
    level: levels[asked] ?? 'info',
    asked,
    durationSeconds: forGood ? undefined : Number(durationSeconds),
  };
}
