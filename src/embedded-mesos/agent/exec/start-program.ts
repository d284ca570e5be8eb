import type { ProgramSource } from '../../containers/decide/enter-words.js';
import { engineProgram } from './engine-program.js';
import type { TerminalSize } from './host-messages.js';
import { type Program, type ProgramListeners, pipedProgram } from './program.js';
import { terminalProgram } from './terminal-program.js';

/** Starts a program in a container, by the way that leads into it. Throws or rejects with a reason when it cannot be. */
export function startProgram(
  source: ProgramSource,
  how: { readonly input: boolean; readonly terminal?: TerminalSize },
  listeners: ProgramListeners,
): Program | Promise<Program> {
  if ('socketPath' in source) return engineProgram(source, how, listeners);
  return how.terminal
    ? terminalProgram(source, how.terminal, listeners)
    : pipedProgram(source, how.input, listeners);
}
