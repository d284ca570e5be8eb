import { type ChildProcess, spawn } from 'node:child_process';
import type { Entering } from '../../containers/decide/enter-words.js';
import { childrenOf, signal } from '../../containers/processes.js';
import type { ProgramEnd } from './host-messages.js';

export type OutputStream = 'stdout' | 'stderr';

/** A program in a container, by pipes or by a terminal. Every method may be called at any time. */
export interface Program {
  /** False: more than it reads is waiting; `onDrain` says when that is over, or when nothing more can be written. */
  write(chunk: Buffer): boolean;
  endInput(): void;
  resize(rows: number, columns: number): void;
  /** To the program itself, not to what joined it to the container. */
  signal(name: NodeJS.Signals): void;
  /** It and all that it started and that did not leave it. */
  kill(): void;
  pause(): void;
  resume(): void;
}

export interface ProgramListeners {
  readonly onOutput: (stream: OutputStream, chunk: Buffer) => void;
  readonly onDrain: () => void;
  /** Once, after the last output. */
  readonly onEnd: (end: ProgramEnd) => void;
}

/** Processes that are looked at for one kill. */
const MAX_DESCENDANTS = 4_096;
/** Output that processes it left behind may still write; its end is told without waiting longer for that. */
const LAST_OUTPUT_MS = 1_000;

/** A process and all below it, parents first. */
export function descendants(pid: number): readonly number[] {
  const found = [pid];
  for (let at = 0; at < found.length && found.length < MAX_DESCENDANTS; at++)
    found.push(...childrenOf(found[at] ?? 0));
  return found;
}

/** SIGKILL to a program's whole tree, and to the process group it began with. */
export function killTree(pid: number): void {
  for (const each of descendants(pid)) signal(each, 'SIGKILL');
  signal(-pid, 'SIGKILL');
}

/**
 * The process that is the program itself. Where a pid namespace was entered, what was started stays outside as a mere waiter with
 * one child; a signal that ends it would leave that running.
 */
export function ownProcess(pid: number, entering: Entering): number {
  return entering.args.includes('nsenter') ? (childrenOf(pid)[0] ?? pid) : pid;
}

/** Runs it with pipes. `input` false: its input is empty. */
export function pipedProgram(entering: Entering, input: boolean, listeners: ProgramListeners): Program {
  const child = spawn(entering.program, [...entering.args], {
    env: { ...entering.environment },
    cwd: '/',
    detached: true,
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  const lives = (): boolean =>
    child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  stdout?.on('data', (chunk: Buffer) => listeners.onOutput('stdout', chunk));
  stderr?.on('data', (chunk: Buffer) => listeners.onOutput('stderr', chunk));
  stdin?.on('drain', () => listeners.onDrain());
  // It closed its input: what is written to it then goes nowhere, as in a shell's pipe.
  stdin?.on('error', () => listeners.onDrain());
  tellEnd(child, listeners.onEnd);
  return {
    write: (chunk) => stdin === null || stdin.destroyed || stdin.write(chunk),
    endInput: () => {
      stdin?.end();
      // A stream that ends says no more when it is empty.
      listeners.onDrain();
    },
    resize: () => undefined,
    signal: (name) => {
      if (lives()) signal(ownProcess(child.pid ?? 0, entering), name);
    },
    kill: () => {
      if (lives()) killTree(child.pid ?? 0);
    },
    pause: () => {
      stdout?.pause();
      stderr?.pause();
    },
    resume: () => {
      stdout?.resume();
      stderr?.resume();
    },
  };
}

function tellEnd(child: ChildProcess, onEnd: (end: ProgramEnd) => void): void {
  let told = false;
  const tell = (end: ProgramEnd): void => {
    if (told) return;
    told = true;
    onEnd(end);
  };
  const endOf = (code: number | null, name: string | null): ProgramEnd =>
    code === null ? { signal: name ?? 'SIGKILL' } : { code };
  child.on('error', (error) => tell({ failure: error.message }));
  child.on('exit', (code, name) => setTimeout(() => tell(endOf(code, name)), LAST_OUTPUT_MS).unref());
  child.on('close', (code, name) => tell(endOf(code, name)));
}
