import { constants } from 'node:os';
import type { ProcessExit } from '../containerizer.js';

/** strsignal(3) texts of the signals that end programs; others are named by their constant. */
const signalTexts: Readonly<Record<string, string>> = {
  SIGHUP: 'Hangup',
  SIGINT: 'Interrupt',
  SIGQUIT: 'Quit',
  SIGILL: 'Illegal instruction',
  SIGTRAP: 'Trace/breakpoint trap',
  SIGABRT: 'Aborted',
  SIGBUS: 'Bus error',
  SIGFPE: 'Floating point exception',
  SIGKILL: 'Killed',
  SIGUSR1: 'User defined signal 1',
  SIGSEGV: 'Segmentation fault',
  SIGUSR2: 'User defined signal 2',
  SIGPIPE: 'Broken pipe',
  SIGALRM: 'Alarm clock',
  SIGTERM: 'Terminated',
  SIGXCPU: 'CPU time limit exceeded',
  SIGXFSZ: 'File size limit exceeded',
  SIGSYS: 'Bad system call',
};

const nameBySignal: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

/**
 * What a shell's `$?` says: above 128 it is a signal (POSIX 2.8.2). A program that itself exits with such a status is
 * told as if by that signal: a shell cannot tell the two apart.
 */
export function exitOfShellStatus(status: number): ProcessExit {
  const signal = status - 128;
  return signal > 0 && signal <= 64 ? { signal } : { code: status };
}

/** The signal's text as strsignal(3) gives it. */
export function signalText(signal: number): string {
  const name = nameBySignal.get(signal);
  return (name && (signalTexts[name] ?? name)) ?? `signal ${signal}`;
}

/** Mesos's sentence for the end of a command. */
export function exitMessage(exit: ProcessExit): string {
  return 'code' in exit
    ? `Command exited with status ${exit.code}`
    : `Command terminated with signal ${signalText(exit.signal)}`;
}
