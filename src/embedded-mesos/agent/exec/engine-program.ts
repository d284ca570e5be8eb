import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EngineEntering } from '../../containers/decide/enter-words.js';
import { signal } from '../../containers/processes.js';
import { readEngineFrames } from '../decide/engine-frames.js';
import type { ProgramEnd, TerminalSize } from './host-messages.js';
import { killTree, type Program, type ProgramListeners } from './program.js';

/** An engine that does not answer within this time hangs. */
const CALL_LIMIT_MS = 15_000;
const MAX_ANSWER_BYTES = 256 * 1024;
/** After the last output the engine may still have to notice the exit: looks, and the pause between them. */
const EXIT_LOOKS = 50;
const EXIT_LOOK_MS = 20;
/** The first size of its terminal is tried so often, with this pause between. */
const SIZE_ATTEMPTS = 25;
const SIZE_PAUSE_MS = 20;

/** What the engine says of a program that was started in a container. */
interface ExecFacts {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  /** As the host counts; 0 before it runs. */
  readonly Pid: number;
}

/**
 * Runs a program in a container of the engine's, through the engine: it has the container's capabilities, its seccomp profile and
 * its user, which nobody could give from outside who enters an image without tools in it.
 */
export async function engineProgram(
  source: EngineEntering,
  how: { readonly input: boolean; readonly terminal?: TerminalSize },
  listeners: ProgramListeners,
): Promise<Program> {
  const { socketPath } = source;
  const { input, terminal } = how;
  const created = await call<{ readonly Id: string }>(
    socketPath,
    'POST',
    `/containers/${source.container}/exec`,
    {
      AttachStdin: input,
      AttachStdout: true,
      AttachStderr: true,
      Tty: terminal !== undefined,
      Cmd: source.argv,
      Env: source.environment.map(({ name, value }) => `${name}=${value}`),
      WorkingDir: source.workingFolder,
      ...(terminal && { ConsoleSize: [terminal.rows, terminal.columns] }),
    },
  );
  const path = `/exec/${created.Id}`;
  const facts = (): Promise<ExecFacts> => call<ExecFacts>(socketPath, 'GET', `${path}/json`);
  const socket = await hijack(socketPath, `${path}/start`, { Detach: false, Tty: terminal !== undefined });
  const size = (rows: number, columns: number): Promise<void> =>
    call(socketPath, 'POST', `${path}/resize?h=${rows}&w=${columns}`);
  let over = false;
  relay(socket, terminal !== undefined, listeners, () => {
    endOf(facts).then((end) => {
      over = true;
      listeners.onEnd(end);
    });
  });
  if (terminal) await firstSize(() => size(terminal.rows, terminal.columns), facts);
  const withPid = (act: (pid: number) => void): void => {
    if (over) return;
    facts().then(
      ({ Running, Pid }) => {
        if (Running && Pid > 0) act(Pid);
      },
      // An engine that is gone took the container with it, or will say later how the program ended.
      () => undefined,
    );
  };
  return {
    write: (chunk) => socket.destroyed || socket.write(chunk),
    endInput: () => {
      socket.end();
      // A stream that ends says no more when it is empty.
      listeners.onDrain();
    },
    // A program that just ended has no size any more.
    resize: (rows, columns) => void size(rows, columns).catch(() => undefined),
    signal: (name) => withPid((pid) => void signal(pid, name)),
    kill: () => withPid(killTree),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
}

/**
 * Before any input reaches the program: what it does first may depend on it. An engine before API 1.42 knows no size at creation, and
 * none takes one before the program runs, which is a moment after its connection is there.
 */
async function firstSize(size: () => Promise<void>, facts: () => Promise<ExecFacts>): Promise<void> {
  for (let attempt = 0; attempt < SIZE_ATTEMPTS; attempt++) {
    try {
      await size();
      return;
    } catch {
      // Not yet, or not any more.
      const ended = await facts().then(
        ({ Running, ExitCode }) => !Running && ExitCode !== null,
        () => true,
      );
      if (ended) return;
      await new Promise<void>((again) => setTimeout(again, SIZE_PAUSE_MS));
    }
  }
}

function relay(socket: Duplex, terminal: boolean, listeners: ProgramListeners, onClose: () => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    if (terminal) {
      listeners.onOutput('stdout', chunk);
      return;
    }
    const read = readEngineFrames(Buffer.concat([rest, chunk]));
    rest = read.rest;
    for (const { stream, bytes } of read.frames) listeners.onOutput(stream, bytes);
  });
  socket.on('drain', () => listeners.onDrain());
  // The engine ends the stream with the program; our own half may be open still.
  socket.on('end', () => socket.end());
  // Its close follows.
  socket.on('error', () => undefined);
  socket.once('close', onClose);
}

async function endOf(facts: () => Promise<ExecFacts>): Promise<ProgramEnd> {
  try {
    for (let look = 0; look < EXIT_LOOKS; look++) {
      const { Running, ExitCode } = await facts();
      if (!Running)
        return ExitCode === null ? { failure: 'the engine does not know how it ended' } : { code: ExitCode };
      await new Promise<void>((again) => setTimeout(again, EXIT_LOOK_MS));
    }
    return { failure: 'the engine has cut the connection' };
  } catch (error) {
    return { failure: `the engine does not say how it ended: ${(error as Error).message}` };
  }
}

interface Ask {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask({ socketPath, method, path, body, headers }: Ask): ReturnType<typeof request> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const asked = request({
    socketPath,
    method,
    path,
    headers: {
      host: 'docker',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...headers,
    },
  });
  asked.setTimeout(CALL_LIMIT_MS, () =>
    asked.destroy(new Error(`no answer within ${CALL_LIMIT_MS / 1000} s`)),
  );
  asked.end(text);
  return asked;
}

/** One call of the engine's API; throws with its words when it refuses. */
function call<T>(socketPath: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = ask({ socketPath, method, path, body });
    asked.once('error', reject);
    asked.once('response', (answer) => {
      readText(answer).then((text) => {
        if ((answer.statusCode ?? 500) >= 400) reject(new Error(wordsIn(text)));
        else resolve((text === '' ? undefined : JSON.parse(text)) as T);
      }, reject);
    });
  });
}

/** A call whose connection becomes the program's input and output. */
function hijack(socketPath: string, path: string, body: unknown): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'tcp' };
    const asked = ask({ socketPath, method: 'POST', path, body, headers });
    asked.once('error', reject);
    asked.once('response', (answer) => {
      readText(answer).then((text) => reject(new Error(wordsIn(text))), reject);
    });
    asked.once('upgrade', (_answer, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > MAX_ANSWER_BYTES) throw new Error('the engine’s answer is too long');
  }
  return text;
}

function wordsIn(text: string): string {
  try {
    return String((JSON.parse(text) as { readonly message?: unknown }).message ?? text);
  } catch {
    // Not the engine's usual form: as it is.
    return text.trim() || 'the engine refused without a word';
  }
}
