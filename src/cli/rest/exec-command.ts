import { constants } from 'node:os';
import type { WriteStream } from 'node:tty';
import { exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { type ExecEnd, ExecSession } from './exec-session.js';
import type { RestClient } from './rest-client.js';
import { RestError } from './rest-client.js';
import { runningTasks } from './task-target.js';

export interface ExecArguments {
  /** A task id or an app id. */
  readonly target: string;
  readonly argv: readonly string[];
  readonly input: boolean;
  readonly terminal: boolean;
}

/** The user's own terminal or pipes. */
export interface ExecStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(mode: boolean): unknown };
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'rows' | 'columns'>>;
  readonly stderr: NodeJS.WritableStream;
}

const DEFAULT_SIZE = { rows: 24, columns: 80 };

/**
 * `exec [-it] TASK|APP -- COMMAND`: runs a program in a running task and is its input and output. The exit code is the
 * program's; 128 and the number for one that was ended by a signal, as a shell says it.
 */
export async function exec(
  client: RestClient,
  io: CommandIo,
  args: ExecArguments,
  streams: ExecStreams = process,
): Promise<number> {
  const { stdin, stdout } = streams;
  if (args.terminal && stdin.isTTY !== true)
    throw new RestError('standard input is no terminal', 'Leave `--tty` out.', 0);
  const taskId = await taskOf(client, io, args.target);
  let done: (end: ExecEnd) => void = () => undefined;
  const ended = new Promise<ExecEnd>((resolve) => {
    done = resolve;
  });
  const wish = {
    taskId,
    argv: args.argv,
    input: args.input,
    ...(args.terminal && { terminal: sizeOf(stdout) }),
  };
  const session: ExecSession = new ExecSession(client, wish, {
    onOutput: (stream, chunk) => {
      const target = streams[stream];
      const goOn = target.write(chunk);
      if (!goOn) target.once('drain', () => session.resume());
      return goOn;
    },
    onEnd: done,
  });
  await session.opened();
  const disconnect = connectInput(session, io, args, streams);
  const end = await ended;
  disconnect();
  return exitCodeOf(end, io);
}

/** A terminal that knows no size of its own says 0. */
function sizeOf({ rows, columns }: ExecStreams['stdout']): {
  readonly rows: number;
  readonly columns: number;
} {
  return { rows: rows || DEFAULT_SIZE.rows, columns: columns || DEFAULT_SIZE.columns };
}

async function taskOf(client: RestClient, io: CommandIo, target: string): Promise<string> {
  const [first, ...others] = await runningTasks(client, target);
  if (first === undefined)
    throw new RestError(
      `${target} has no running task`,
      `\`longrun why ${target}\` says what it waits for.`,
      404,
    );
  if (others.length > 0)
    io.err(paint(io, 'dim', `in ${printable(first)}, one of ${others.length + 1} tasks`));
  return first;
}

/** Passes on what is typed, the terminal's size, and Ctrl-C where no terminal does that. Returns how to undo it. */
function connectInput(
  session: ExecSession,
  io: CommandIo,
  { input, terminal }: ExecArguments,
  { stdin, stdout }: ExecStreams,
): () => void {
  const typed = (chunk: Buffer): void => {
    if (!session.write(chunk, () => stdin.resume())) stdin.pause();
  };
  const over = (): void => session.endInput();
  const resized = (): void => {
    const { rows, columns } = sizeOf(stdout);
    session.resize(rows, columns);
  };
  const interrupted = (): void => session.signal('SIGINT');
  if (input) stdin.on('data', typed).on('end', over);
  if (terminal) {
    stdin.setRawMode?.(true);
    stdout.on('resize', resized);
  } else {
    io.interrupted.addEventListener('abort', interrupted, { once: true });
  }
  return () => {
    stdin.removeListener('data', typed).removeListener('end', over);
    stdin.pause();
    stdout.removeListener('resize', resized);
    io.interrupted.removeEventListener('abort', interrupted);
    if (terminal) stdin.setRawMode?.(false);
  };
}

function exitCodeOf(end: ExecEnd, io: CommandIo): number {
  if ('code' in end) return end.code;
  if ('signal' in end)
    return 128 + ((constants.signals as Readonly<Record<string, number>>)[end.signal] ?? 0);
  io.err(`${paint(io, 'red', 'error:')} the session has ended: ${printable(end.message)}`);
  return exitCodes.error;
}
