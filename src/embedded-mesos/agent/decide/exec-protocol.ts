import { constants } from 'node:os';

/** The WebSocket subprotocol of sessions, to be offered by whoever asks. */
export const EXEC_PROTOCOL = 'longrun.exec.v1';
/** First byte of a frame of bytes: what the rest is. */
export const FRAME_INPUT = 0;
export const FRAME_OUTPUT = { stdout: 1, stderr: 2 } as const;
/** Close code of a session that was ended by a rule (RFC 6455 7.4.1). */
export const CLOSE_POLICY = 1008;
/** Longest frame that is taken. */
export const MAX_FRAME_BYTES = 64 * 1024;
/** Most rows and columns of a terminal. */
const MAX_SIZE = 1_000;
const MAX_WORDS = 1_000;

/** What the one who asked says in texts. */
export type ExecControl =
  | { readonly type: 'resize'; readonly rows: number; readonly columns: number }
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly type: 'end-of-input' };

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIZE;

/** Reads an order; a sentence on what is wrong with it otherwise. */
export function decodeControl(text: string): ExecControl | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below, as for every other text that is no order.
    value = undefined;
  }
  if (typeof value !== 'object' || value === null) return 'a text must be a JSON object';
  const { type, rows, columns, signal } = value as Record<string, unknown>;
  if (type === 'end-of-input') return { type };
  if (type === 'resize') {
    return isSize(rows) && isSize(columns)
      ? { type, rows, columns }
      : `rows and columns must be whole numbers from 1 to ${MAX_SIZE}`;
  }
  if (type === 'signal') {
    return typeof signal === 'string' && Object.hasOwn(constants.signals, signal)
      ? { type, signal: signal as NodeJS.Signals }
      : 'this host knows no such signal';
  }
  return 'a text must have the type resize, signal or end-of-input';
}

/** The last text of a session: how the program ended. */
export function encodeEnd(
  end:
    | { readonly code: number }
    | { readonly signal: string }
    | { readonly failure: string }
    | { readonly timedOut: true },
): string {
  if ('timedOut' in end) return JSON.stringify({ type: 'error', message: 'it did not end in time' });
  return 'failure' in end
    ? JSON.stringify({ type: 'error', message: end.failure })
    : JSON.stringify({ type: 'exit', ...end });
}

/** What a session was asked for. */
export interface ExecWish {
  readonly argv: readonly string[];
  readonly terminal?: { readonly rows: number; readonly columns: number };
  readonly input: boolean;
}

/**
 * Reads the query of a session: `command` once per word, `tty`, `rows`, `columns`, `stdin`. A sentence on what is wrong with it
 * otherwise.
 */
export function readExecQuery(query: URLSearchParams): ExecWish | string {
  const argv = query.getAll('command');
  if (argv.length === 0 || argv[0] === '') return 'command is missing: once per word, the program first';
  if (argv.length > MAX_WORDS) return `command may be given ${MAX_WORDS} times`;
  if (argv.some((word) => word.includes('\0'))) return 'command contains a NUL character';
  const flags = ['tty', 'stdin'].map((name) => query.get(name) ?? 'false');
  if (flags.some((value) => value !== 'true' && value !== 'false'))
    return 'tty and stdin must be true or false';
  const [rows, columns] = [Number(query.get('rows') ?? 24), Number(query.get('columns') ?? 80)];
  if (!isSize(rows) || !isSize(columns))
    return `rows and columns must be whole numbers from 1 to ${MAX_SIZE}`;
  return {
    argv,
    ...(flags[0] === 'true' && { terminal: { rows, columns } }),
    input: flags[1] === 'true',
  };
}
