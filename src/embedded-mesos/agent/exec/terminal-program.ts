import { constants } from 'node:os';
import type { Entering } from '../../containers/decide/enter-words.js';
import { signal } from '../../containers/processes.js';
import type { ProgramEnd, TerminalSize } from './host-messages.js';
import { killTree, ownProcess, type Program, type ProgramListeners } from './program.js';

const TERMINAL_TYPE = 'xterm-256color';

const nameBySignal: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

function endOf(exitCode: number, signalNumber: number | undefined): ProgramEnd {
  return signalNumber
    ? { signal: nameBySignal.get(signalNumber) ?? `SIG${signalNumber}` }
    : { code: exitCode };
}

/**
 * Runs it on a terminal of its own, which is its controlling one. Throws when this platform has no terminals for us: the library
 * for them is a prebuilt one.
 */
export async function terminalProgram(
  entering: Entering,
  size: TerminalSize,
  listeners: ProgramListeners,
): Promise<Program> {
  const { spawn } = await import('@lydell/node-pty');
  const terminal = spawn(entering.program, [...entering.args], {
    name: TERMINAL_TYPE,
    cols: size.columns,
    rows: size.rows,
    cwd: '/',
    env: { ...entering.environment },
    encoding: null,
  });
  let ended = false;
  // With no encoding its chunks are bytes, which its type definitions do not know.
  terminal.onData((chunk: unknown) => listeners.onOutput('stdout', chunk as Buffer));
  terminal.onExit(({ exitCode, signal: number }) => {
    ended = true;
    listeners.onEnd(endOf(exitCode, number));
  });
  const unlessEnded = (act: () => void): void => {
    if (!ended) act();
  };
  return {
    write: (chunk) => {
      unlessEnded(() => terminal.write(chunk as unknown as string));
      return true;
    },
    // The end of input on a terminal is a character that its reader may see otherwise.
    endInput: () => undefined,
    resize: (rows, columns) => unlessEnded(() => terminal.resize(columns, rows)),
    signal: (name) => unlessEnded(() => void signal(ownProcess(terminal.pid, entering), name)),
    kill: () => unlessEnded(() => killTree(terminal.pid)),
    pause: () => unlessEnded(() => terminal.pause()),
    resume: () => unlessEnded(() => terminal.resume()),
  };
}
