import type { LogFields } from './log.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line for people, as values; `atMs` is wall time. */
export interface LogLine {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly room: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** ANSI colours of the levels, for terminals. */
const colours: Readonly<Record<LogLevel, string>> = { debug: '90', info: '36', warn: '33', error: '31' };

/**
 * A line for people: `2026-11-22T16:00:00.000Z INFO  server  message key=value`. One line always: line breaks and other
 * control characters in texts are escaped, so that a task's name cannot forge a line or move the cursor.
 */
export function formatLine({ atMs, level, room, message, fields }: LogLine, colour: boolean): string {
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const at = paint('90', new Date(atMs).toISOString());
  const head = `${at} ${paint(colours[level], level.toUpperCase().padEnd(5))} ${paint('1', room.padEnd(10))}`;
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${paint('90', `${key}=`)}${formatValue(value)}`);
  return `${head} ${escapeControls(message)}${facts.join('')}\n`;
}

function formatValue(value: unknown): string {
  const plain = plainValue(value);
  const text = typeof plain === 'string' ? plain : (JSON.stringify(plain) ?? 'undefined');
  if (typeof plain === 'string' && (text === '' || /[\s"=]/.test(text)))
    return escapeControls(JSON.stringify(text));
  return escapeControls(text);
}

/** Errors and other values that JSON would lose, as plain values. Never throws: a log line must not break its caller. */
export function plainValue(value: unknown): unknown {
  if (value instanceof Error) {
    const { code } = value as { code?: unknown };
    const cause = value.cause === undefined ? {} : { cause: plainValue(value.cause) };
    return { message: value.message, ...(code === undefined ? {} : { code }), stack: value.stack, ...cause };
  }
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function')
    return String(value);
  if (typeof value !== 'object' || value === null) return value;
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return '(cannot be shown as JSON)';
  }
}

/** Fields with every value plain. */
export function plainFields(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plainValue(value)]));
}

function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) =>
    char === '\n' ? '\\n' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
