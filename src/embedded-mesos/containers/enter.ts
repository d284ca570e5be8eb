import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Entrance } from './containerizer.js';
import {
  type Entering,
  enteringWords,
  networkWords,
  type ProgramSource,
  privilegesOf,
} from './decide/enter-words.js';

let setpriv: boolean | undefined;

/** Asked once: programs of the host come and go with its packages, not while an agent runs. */
function hasSetpriv(): boolean {
  setpriv ??= (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'setpriv'), constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
      return false;
    }
  });
  return setpriv;
}

/**
 * How to start a program in a running container: as its user, with what its main process may do, in its cgroups and
 * namespaces. `argv` is the program and its arguments as seen inside; `terminal`: its input is one. Throws when the
 * container's process is gone.
 */
export function enterContainer(entrance: Entrance, argv: readonly string[], terminal = false): ProgramSource {
  const { pid, engine, environment, workingFolder } = entrance;
  if (engine) return { ...engine, argv, environment, workingFolder };
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const privileges = privilegesOf(status, readFileSync('/proc/self/status', 'utf8'));
  return enteringWords(entrance, argv, privileges, { hasSetpriv: hasSetpriv(), terminal });
}

/** How to start a program of the host in a container's network and nothing else of it. */
export function enterNetwork(entrance: Entrance, argv: readonly string[]): Entering {
  return networkWords(entrance, argv);
}
